"""The alert rules and the dashboard name metrics that exist, and promtool, where it is installed, agrees with them."""

import json
import os
import re
import shutil
import subprocess
from pathlib import Path
from typing import Any

import pytest

from backend.observability.metrics import Metrics

DEPLOY = Path(__file__).parents[2] / "deploy"
RULES = DEPLOY / "alerts.yml"
NAME = re.compile(r"\bbackend_[a-z_]+")
HISTOGRAM_PARTS = ("_bucket", "_count", "_sum")


def known() -> set[str]:
    names = {family.name for family in Metrics().collect()}
    return names | {name + part for name in names for part in HISTOGRAM_PARTS}


def dashboard() -> Any:
    return json.loads((DEPLOY / "grafana-dashboard.json").read_text())


def expressions() -> list[str]:
    return [target["expr"] for panel in dashboard()["panels"] for target in panel["targets"]]


def test_rules_and_dashboard_name_only_metrics_that_exist() -> None:
    named = set(NAME.findall(RULES.read_text() + " ".join(expressions())))
    assert named
    assert named <= known()


def promtool(*words: str) -> None:
    program = shutil.which("promtool")
    if program is None:
        missing = "promtool is not installed: apt-get install prometheus"
        if os.environ.get("REQUIRE_PROMTOOL") == "1":
            pytest.fail(missing)
        pytest.skip(missing)
    done = subprocess.run([program, *words], cwd=DEPLOY, capture_output=True, text=True, timeout=60)
    assert done.returncode == 0, done.stdout + done.stderr


def test_promtool_accepts_the_rules() -> None:
    promtool("check", "rules", RULES.name)


def test_the_rules_fire_when_they_should_and_not_before() -> None:
    promtool("test", "rules", "alerts_test.yml")


def test_promtool_accepts_the_dashboards_expressions(tmp_path: Path) -> None:
    rules = [{"record": f"panel:{number}", "expr": told} for number, told in enumerate(expressions())]
    file = tmp_path / "rules.json"  # JSON is YAML
    file.write_text(json.dumps({"groups": [{"name": "dashboard", "rules": rules}]}))
    promtool("check", "rules", str(file))
