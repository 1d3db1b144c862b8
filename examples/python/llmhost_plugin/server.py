"""The five calls of a host, answered with bytes."""

import json

from .components import ConfigError
from .graph import blame, trace
from .rows import format_row, read_rows, write_results


def success(payload):
    return b"\x00" + (payload if isinstance(payload, bytes) else json.dumps(payload, separators=(",", ":")).encode())


def failure(code, message, field=None):
    said = {"code": code, "message": message}
    if field:
        said["field"] = field
    return b"\x01" + json.dumps(said).encode()


def records(formatter):
    """What a formatter says of the records that it reads and of the examples that it makes."""
    said = {"columns": [c.describe() for c in formatter.columns]}
    if formatter.gives is not None:
        said["gives"] = [o.describe() for o in formatter.gives]
    if formatter.forms is not None:
        said["forms"] = [f.describe() for f in formatter.forms]
    if formatter.allow:
        said["allow"] = formatter.allow
    return said


class Server:
    """Answers calls of one plugin, one after the other."""

    def __init__(self, plugin):
        self.plugin, self.instances = plugin, []

    def describe(self):
        return self.guard(lambda: success(self.plugin.describe()))

    def configure(self, component, config):
        """config is a flat JSON object; the reply has the instance's number, and a formatter's columns."""
        def answer():
            if component >= len(self.plugin.components):
                return failure("bad_request", f"no component has the index {component}")
            part = self.plugin.components[component](**json.loads(config))
            self.instances.append(part)
            reply = {"instance": len(self.instances)}
            if part.kind == "formatter":
                reply.update(records(part))
            return success(reply)
        return self.guard(answer)

    def trace(self, instance, request):
        """request says which operations the host knows; this package uses those of the first level alone."""
        return self.guard(lambda: success(trace(self.instance(instance))), code="trace")

    def format(self, instance, frame):
        def answer():
            formatter = self.instance(instance)
            return success(write_results([format_row(formatter, row) for row in read_rows(frame, formatter.columns)]))
        return self.guard(answer)

    def close(self, instance):
        if 1 <= instance <= len(self.instances):
            self.instances[instance - 1] = None
        return b""

    def instance(self, number):
        part = self.instances[number - 1] if 1 <= number <= len(self.instances) else None
        if part is None:
            raise LookupError(f"nothing is configured under handle {number}")
        return part

    def guard(self, answer, code="internal"):
        """No exception leaves a call."""
        try:
            return answer()
        except ConfigError as e:
            return failure("invalid_config", str(e), e.field)
        except LookupError as e:
            return failure("bad_request" if code == "internal" else code, blame(e))
        except Exception as e:
            return failure(code, blame(e))
