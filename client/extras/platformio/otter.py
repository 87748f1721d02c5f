# `pio run -t otter`: builds, gives the image to the Otter server, and starts a rollout whose first stage is the boards with one
# label. It opens no second stage: that is for a person, or for the gate of the plan.
#
# In platformio.ini:
#
#     extra_scripts = post:extras/platformio/otter.py   ; where this file is
#     custom_otter_pilot = bench                        ; label of the boards that go first; that of the plan if not said
#     custom_otter_plan = careful                       ; `default` if not said
#     custom_otter_command = npx otter                  ; how the command is called; that if not said
#
# Which server, and its token, is what the command itself finds: OTTER_SERVER, OTTER_PIN and OTTER_TOKEN, or OTTER_HOME, or the
# servers that it knows. Neither stands in platformio.ini. Product and version are those of OTTER_FIRMWARE in the image.

import json
import shlex
import subprocess
import sys


class OtterFailed(Exception):
    """A command of Otter said no; its own words are the message."""


def run_otter(command, *arguments):
    """What the command answers, as JSON. Raises OtterFailed."""
    words = shlex.split(command) + list(arguments) + ["--json"]
    print("otter: " + " ".join(arguments))
    try:
        run = subprocess.run(words, stdout=subprocess.PIPE, stderr=subprocess.PIPE, encoding="utf-8")
    except OSError as error:
        raise OtterFailed(
            "cannot start %s: %s. Install Otter's command, or say how it is called in custom_otter_command." % (words[0], error)
        )
    if run.returncode != 0:
        raise OtterFailed((run.stderr or run.stdout).strip() or "%s ended with %d" % (words[0], run.returncode))
    try:
        return json.loads(run.stdout)
    except ValueError:
        raise OtterFailed("%s did not answer with JSON: %s" % (words[0], run.stdout[:200]))


def roll_out(command, image, pilot=None, plan=None):
    """Uploads the image and starts its rollout. The name of the rollout."""
    firmware = run_otter(command, "firmware", "add", image, "--ready")["firmware"]
    chosen = ["--firmware", firmware["version"], "--product", firmware["product"]]
    if plan:
        chosen += ["--plan", plan]
    if pilot:
        chosen += ["--pilot", pilot]
    name = run_otter(command, "rollout", "create", *chosen)["name"]
    run_otter(command, "rollout", "start", name)
    return name


def on_target(target, source, env):
    """The action of the target; a number other than 0 fails the build."""
    command = env.GetProjectOption("custom_otter_command", "npx otter")
    pilot = env.GetProjectOption("custom_otter_pilot", None)
    plan = env.GetProjectOption("custom_otter_plan", None)
    try:
        name = roll_out(command, env.subst("$BUILD_DIR/${PROGNAME}.bin"), pilot, plan)
    except OtterFailed as failed:
        print("otter: failed: %s" % failed, file=sys.stderr)
        return 1
    print("otter: rollout %s is running. Watch it: %s rollout show %s" % (name, command, name))
    return 0


Import("env")  # noqa: F821  PlatformIO brings it

env.AddCustomTarget(  # noqa: F821
    name="otter",
    dependencies="$BUILD_DIR/${PROGNAME}.bin",
    actions=on_target,
    title="Otter",
    description="Upload the image and start its rollout",
)
