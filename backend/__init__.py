import sys

# What libraries would load, at a cost to each start and in memory, for what nothing here has; they go on as where it is
# not installed. Of httpx its command line, with Rich and Click; of Pydantic its first version, which FastAPI refuses.
for name in ("httpx._main", "pydantic.v1"):
    sys.modules.setdefault(name, None)  # type: ignore[arg-type]
