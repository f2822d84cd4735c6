"""Renders every overlay with kustomize and holds it against Kubernetes' schemas, offline and strictly.

    tests/.venv/bin/python deploy/kubernetes/check.py
    tests/.venv/bin/python deploy/kubernetes/check.py --write   # grafana/rule.yaml from grafana/alerts.yaml

What the schemas cannot know is looked at here: the restricted pod security standard, selectors that
meet their pods, a grace period that lets a component stop by itself, a network policy that lets it reach
what its settings name, and alert rules that are those of Prometheus.
"""

import pathlib
import re
import shutil
import subprocess
import sys
import tempfile

import kubernetes_validate
import yaml

HERE = pathlib.Path(__file__).resolve().parent
DEPLOY = HERE.parent
ALERTS = DEPLOY / "grafana/alerts.yaml"
RULE = DEPLOY / "grafana/rule.yaml"
SETTINGS = DEPLOY.parent / "crates/couplet/src/manual/settings.md"
RULE_HEAD = """\
# alerts.yaml for the Prometheus operator; check.py --write makes it.
apiVersion: monitoring.coreos.com/v1
kind: PrometheusRule
metadata:
  name: couplet
spec:
"""
OURS = {"monitoring.coreos.com/v1"}  # kinds of operators, which Kubernetes has no schema for


def render(folder):
    with tempfile.TemporaryDirectory() as work:
        copy = pathlib.Path(work) / "deploy"
        for part in ("kubernetes", "grafana"):
            shutil.copytree(DEPLOY / part, copy / part)
        overlay = copy / folder.relative_to(DEPLOY)
        for name in ("secret", "postgres"):
            (overlay / name).write_text("not a secret")
        ours = pathlib.Path(sys.executable).with_name("kustomize")
        command = [str(ours), "build"] if ours.exists() else ["kubectl", "kustomize"]
        run = subprocess.run([*command, str(overlay)], capture_output=True, text=True)
    if run.returncode or run.stderr:
        raise SystemExit(f"FAIL  {folder.name}: {run.stderr}")
    return [one for one in yaml.safe_load_all(run.stdout) if one]


def default_grace():
    found = re.search(r"`timing.grace`.*?\| `(\d+)s`", SETTINGS.read_text())
    return int(found.group(1))


def rule():
    """The alert rules as a resource: the same lines, below `spec:`."""
    lines = [line for line in ALERTS.read_text().splitlines() if not line.startswith("#")]
    return RULE_HEAD + "".join(f"  {line}".rstrip() + "\n" for line in lines)


def complaints(resources):
    """What is wrong with an overlay, in words."""
    for one in resources:
        if one["apiVersion"] not in OURS:
            try:
                kubernetes_validate.validate(one, kubernetes_validate.latest_version(), strict=True)
            except kubernetes_validate.ValidationError as error:
                yield f"{one['kind']}: {error.message}"
        if not one["metadata"].get("namespace"):
            yield f"the {one['kind']} is in no namespace"
    kinds = {one["kind"]: one for one in resources}
    if "Deployment" in kinds:
        yield from of_a_component(kinds)
    elif "CronJob" in kinds:
        yield from of_a_backup(kinds["CronJob"]["spec"]["jobTemplate"]["spec"]["template"]["spec"])
    elif "PrometheusRule" not in kinds or "ConfigMap" not in kinds:
        yield f"nothing is known about {sorted(kinds)}"


def of_a_backup(pod):
    yield from restricted(pod)
    claims = {one["persistentVolumeClaim"]["claimName"] for one in pod["volumes"]}
    if claims != {"pubsub-data", "pubsub-backup"}:
        yield f"it mounts {claims}"


def of_a_component(kinds):
    for wanted in ("Deployment", "Secret", "PodDisruptionBudget", "ServiceMonitor", "NetworkPolicy"):
        if wanted not in kinds:
            yield f"no {wanted}"
            return
    yield from unreachable(kinds["NetworkPolicy"]["spec"]["egress"], kinds["ConfigMap"]["data"])
    deployment = kinds["Deployment"]["spec"]
    labels = deployment["template"]["metadata"]["labels"]
    for kind, selector in (
        ("PodDisruptionBudget", kinds["PodDisruptionBudget"]["spec"]["selector"]["matchLabels"]),
        ("NetworkPolicy", kinds["NetworkPolicy"]["spec"]["podSelector"].get("matchLabels")),
        ("Service", kinds["Service"]["spec"]["selector"]),
        ("ServiceMonitor", kinds["ServiceMonitor"]["spec"]["selector"]["matchLabels"]),
    ):
        met = kinds["Service"]["metadata"]["labels"] if kind == "ServiceMonitor" else labels
        if not selector or not selector.items() <= met.items():
            yield f"the {kind} selects {selector}, which is not only these pods: {met}"
    pod = deployment["template"]["spec"]
    if pod["terminationGracePeriodSeconds"] <= default_grace():
        yield f"killed before timing.grace ({default_grace()} s) is over"
    yield from restricted(pod)
    for container in pod["containers"]:
        ports = {port["name"] for port in container["ports"]}
        for probe in ("startupProbe", "livenessProbe", "readinessProbe"):
            if container[probe]["httpGet"]["port"] not in ports:
                yield f"the {probe} asks a port that is not there"
    is_shared = any("persistentVolumeClaim" in volume for volume in pod["volumes"])
    if is_shared and (deployment["replicas"], deployment["strategy"]["type"]) != (1, "Recreate"):
        yield "two pods would open one store"


def unreachable(egress, settings):
    """What the settings name and the network policy does not let through: namespace and port."""
    targets = [settings["COUPLET_SERVER"]]
    store = settings.get("COUPLET_PUBSUB_STORE", "")
    if store.startswith("postgres:"):
        targets.append(re.search(r"@([^/]+)/", store).group(1) + ":5432")
    for target in targets:
        host, _, port = target.rpartition(":")
        namespace = {"kubernetes.io/metadata.name": host.split(".")[1]}
        if not any(
            any(to.get("namespaceSelector", {}).get("matchLabels") == namespace for to in rule["to"])
            and any(one["port"] == int(port) for one in rule["ports"])
            for rule in egress
        ):
            yield f"the NetworkPolicy does not let it reach {target}"


def restricted(pod):
    """https://kubernetes.io/docs/concepts/security/pod-security-standards/, restricted"""
    if not pod["securityContext"]["runAsNonRoot"] or pod["automountServiceAccountToken"]:
        yield "the pod is root, or has a token it does not need"
    for container in pod["containers"]:
        context = container["securityContext"]
        bare = context["capabilities"] == {"drop": ["ALL"]} and not context["allowPrivilegeEscalation"]
        if not bare or not context["readOnlyRootFilesystem"]:
            yield f"{container['name']} is not restricted"


def main():
    if sys.argv[1:] == ["--write"]:
        RULE.write_text(rule())
    overlays = sorted(path.parent for path in HERE.glob("overlays/*/kustomization.yaml"))
    failures = 0
    if not RULE.exists() or RULE.read_text() != rule():
        print("FAIL  grafana/rule.yaml is not grafana/alerts.yaml: check.py --write makes it so")
        failures += 1
    for overlay in overlays:
        resources = render(overlay)
        found = list(complaints(resources))
        for complaint in found:
            print(f"FAIL  {overlay.name}: {complaint}")
        if not found:
            print(f"ok    {overlay.name}: {len(resources)} resources")
        failures += len(found)
    sys.exit(1 if failures or len(overlays) != 5 else 0)


main()
