"""What somebody who means harm might send: each case gets one clear answer, and nothing moves."""
