"""The operator's command line. What a command needs is imported when it runs, so that help comes at once."""

from .app import app as app
