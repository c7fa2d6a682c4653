import sys

# httpx's command line would come with it and load Rich and Click, a tenth of what starting costs; without the module
# httpx goes on as where those are not installed.
sys.modules.setdefault("httpx._main", None)  # type: ignore[arg-type]
