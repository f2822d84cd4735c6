"""Renders every overlay with kustomize and holds it against Kubernetes' schemas, offline and strictly.

    tests/.venv/bin/python deploy/kubernetes/check.py

What the schemas cannot know is looked at here: the restricted pod security standard, selectors that
meet their pods, and a grace period that lets a component stop by itself.
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
SETTINGS = HERE.parent.parent / "crates/couplet/src/manual/settings.md"
OURS = {"monitoring.coreos.com/v1"}  # kinds of operators, which Kubernetes has no schema for


def render(folder):
    with tempfile.TemporaryDirectory() as work:
        copy = pathlib.Path(work) / "kubernetes"
        shutil.copytree(HERE, copy)
        overlay = copy / folder.relative_to(HERE)
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


def complaints(resources):
    """What is wrong with an overlay, in words."""
    for one in resources:
        if one["apiVersion"] not in OURS:
            try:
                kubernetes_validate.validate(one, kubernetes_validate.latest_version(), strict=True)
            except kubernetes_validate.ValidationError as error:
                yield f"{one['kind']}: {error.message}"
    kinds = {one["kind"]: one for one in resources}
    for wanted in ("Deployment", "Secret", "PodDisruptionBudget", "ServiceMonitor", "NetworkPolicy"):
        if wanted not in kinds:
            yield f"no {wanted}"
            return
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
    if not pod["securityContext"]["runAsNonRoot"] or pod["automountServiceAccountToken"]:
        yield "the pod is root, or has a token it does not need"
    for container in pod["containers"]:
        context = container["securityContext"]
        # https://kubernetes.io/docs/concepts/security/pod-security-standards/, restricted
        bare = context["capabilities"] == {"drop": ["ALL"]} and not context["allowPrivilegeEscalation"]
        if not bare or not context["readOnlyRootFilesystem"]:
            yield f"{container['name']} is not restricted"
        ports = {port["name"] for port in container["ports"]}
        for probe in ("startupProbe", "livenessProbe", "readinessProbe"):
            if container[probe]["httpGet"]["port"] not in ports:
                yield f"the {probe} asks a port that is not there"
    is_shared = any("persistentVolumeClaim" in volume for volume in pod["volumes"])
    if is_shared and (deployment["replicas"], deployment["strategy"]["type"]) != (1, "Recreate"):
        yield "two pods would open one store"


def main():
    overlays = sorted(path.parent for path in HERE.glob("overlays/*/kustomization.yaml"))
    failures = 0
    for overlay in overlays:
        resources = render(overlay)
        found = list(complaints(resources))
        for complaint in found:
            print(f"FAIL  {overlay.name}: {complaint}")
        if not found:
            print(f"ok    {overlay.name}: {len(resources)} resources")
        failures += len(found)
    sys.exit(1 if failures or len(overlays) != 3 else 0)


main()
