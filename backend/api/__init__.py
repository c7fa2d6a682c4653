"""HTTP: translate a request, call a service, translate back. Status codes are chosen in ``errors.py`` alone."""

from pydantic import BaseModel

# The framework's models of the API's description are built when that is first asked for, as few ever do; ours at once,
# as the first to ask should not wait for them. So nothing may import the framework before this.
BaseModel.model_config["defer_build"] = True
import fastapi as fastapi  # noqa: E402 - only now

del BaseModel.model_config["defer_build"]
