"""Trace inference: modules and exported programs through torch.export."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import torch
from torch import fx

from .errors import USER_ERRORS, NotFiniteError, TargetError, one_line
from .functionalize import functionalize
from .graph import Origin, TensorSpec, Traced, attribute, collect_origins, op_name, spec_of, tensor_nodes
from .normalize import drop_bookkeeping, normalize, set_values
from .seeding import silence

_FRAME = re.compile(r'File "(?P<file>[^"]+)", line (?P<line>\d+)')
SUPPORTED_DTYPES = (torch.float32, torch.int8, torch.uint8, torch.int16, torch.int32, torch.int64, torch.bool)


def check_dtype(name: str, tensor: torch.Tensor) -> None:
    """Raise TargetError for a tensor whose dtype no later stage can represent (complex, float64, half, ...)."""
    if tensor.dtype not in SUPPORTED_DTYPES:
        wanted = ", ".join(str(dtype).removeprefix("torch.") for dtype in SUPPORTED_DTYPES)
        have = str(tensor.dtype).removeprefix("torch.")
        raise TargetError(f"{name} has unsupported dtype {have}; want one of {wanted}")


def check_finite(name: str, tensor: torch.Tensor, *, infinite: bool = False) -> None:
    """Raise NotFiniteError for a tensor with NaN or, unless ``infinite`` numbers may be in it, infinity."""
    if not tensor.is_floating_point():
        return
    value = tensor.detach()
    count = int((value.isnan() if infinite else ~value.isfinite()).sum())
    if count:
        raise NotFiniteError(f"{name} holds {count} values that are not finite (NaN or infinity)")


def check_values(graph: fx.Graph, name: str) -> None:
    """Raise TargetError for the first node with a value of an unsupported dtype, naming its operator and line."""
    for node in graph.nodes:
        value = node.meta.get("val")
        for tensor in value if isinstance(value, (tuple, list)) else (value,):
            if isinstance(tensor, torch.Tensor):
                source = getattr(node.meta.get("origin"), "source", "")
                check_dtype(f"{name}: result of {op_name(node)}{f' ({source})' if source else ''}", tensor)


def trace_module(module: torch.nn.Module, inputs: tuple[torch.Tensor, ...], name: str) -> Traced:
    """Trace a module's inference on `inputs`, in eval mode, without touching the module. Raises TargetError."""
    training = {part: part.training for part in module.modules()}
    try:
        module.eval()
        with silence(), torch.no_grad():
            exported = torch.export.export(module, inputs)
    except USER_ERRORS as error:
        raise TargetError(f"{name}: torch.export cannot trace it: {one_line(error)}{user_line(error)}") from error
    finally:
        for part, flag in training.items():
            part.training = flag
    return trace_exported(exported, inputs, name)


def trace_exported(
    exported: torch.export.ExportedProgram, inputs: tuple[torch.Tensor, ...] | None, name: str
) -> Traced:
    """Take an exported program, float or quantized, over `inputs` (None: its own example inputs)."""
    if inputs is None:
        example = exported.example_inputs
        if not example or not example[0] or example[1]:
            raise TargetError(f"{name}: the file holds no positional example inputs; give them with --inputs")
        inputs = tuple(example[0])
    check_inputs(name, exported, inputs)
    module = exported.module(check_guards=False)
    for node in module.graph.nodes:
        if "origin" not in node.meta and node.op == "call_function":
            node.meta["origin"] = exported_origin(node)
    return finish_inference(module, inputs, name)


def check_inputs(name: str, exported: torch.export.ExportedProgram, inputs: tuple[torch.Tensor, ...]) -> None:
    """Compare given inputs with an exported program's; TargetError names the first that differs."""
    wanted: list[tuple[str, torch.Tensor]] = []
    user_inputs = exported.graph_signature.user_inputs
    for node in exported.graph.nodes:
        if node.op == "placeholder" and node.name in user_inputs:
            wanted.append((node.name, node.meta["val"]))
    if len(wanted) != len(inputs):
        raise TargetError(f"{name}: got {len(inputs)} inputs, want {len(wanted)}: {', '.join(n for n, _ in wanted)}")
    for (label, want), have in zip(wanted, inputs, strict=True):
        fits = len(want.shape) == len(have.shape) and all(
            not isinstance(size, int) or size == given for size, given in zip(want.shape, have.shape, strict=True)
        )
        if not fits or want.dtype != have.dtype:
            raise TargetError(
                f"{name}: input {label} is {have.dtype} {list(have.shape)}, want {want.dtype} {list(want.shape)}"
            )


def finish_inference(
    module: fx.GraphModule, inputs: tuple[torch.Tensor, ...], name: str, notes: tuple[str, ...] = ()
) -> Traced:
    """Make a `Traced` of a flat inference graph: functional, normalized, with its own copy of the constants."""
    for index, tensor in enumerate(inputs):
        check_dtype(f"{name}: input {index}", tensor)
    drop_bookkeeping(module)
    set_values(module, inputs)
    try:
        flat, changed = functionalize(module)
    except ValueError as error:
        raise TargetError(f"{name}: {error}") from error
    if changed:
        raise TargetError(
            f"{name}: inference changes {', '.join(sorted(changed))} in place; want a module in eval mode"
        )
    _flatten_output(flat)
    _copy_constants(flat, name)
    set_values(flat, inputs)
    normalize(flat)
    set_values(flat, inputs)
    check_values(flat.graph, name)
    return build_traced(flat, inputs, name, notes)


def build_traced(flat: fx.GraphModule, inputs: tuple[torch.Tensor, ...], name: str, notes: tuple[str, ...]) -> Traced:
    """Describe a finished inference graph; nodes must carry `meta["val"]`."""
    placeholders = [node for node in flat.graph.nodes if node.op == "placeholder"]
    results = list(tensor_nodes(flat.graph.output_node().args[0]))
    return Traced(
        name=name,
        kind="inference",
        graph_module=flat,
        inputs=tuple(spec_of(str(node.target), node.meta["val"]) for node in placeholders),
        outputs=tuple(_output_spec(index, node, len(results)) for index, node in enumerate(results)),
        example_inputs=tuple(tensor.detach().clone() for tensor in inputs),
        origins=collect_origins(flat.graph),
        notes=notes,
    )


def _output_spec(index: int, node: fx.Node, count: int) -> TensorSpec:
    return spec_of("output" if count == 1 else f"output_{index}", node.meta["val"])


def _flatten_output(module: fx.GraphModule) -> None:
    """Make the graph return a flat tuple of tensors, and drop the nested calling convention of export."""
    output = module.graph.output_node()
    results = tuple(tensor_nodes(output.args[0]))
    if not results:
        raise TargetError("the computation returns no tensor")
    output.args = (results,)
    module.graph.set_codegen(fx.graph.CodeGen())
    module.recompile()


def _copy_constants(module: fx.GraphModule, name: str) -> None:
    """Give the graph constants of its own, so that nothing later changes with (or in) the user's module."""
    copies: dict[str, str] = {}
    for node in module.graph.nodes:
        if node.op != "get_attr":
            continue
        target = str(node.target)
        value = attribute(module, target)
        if not isinstance(value, torch.Tensor):
            raise TargetError(f"{name}: graph attribute {target} is {type(value).__name__}, want a tensor")
        check_dtype(f"{name}: constant {target}", value)
        if target not in copies:
            is_parameter = isinstance(value, torch.nn.Parameter)  # a buffer may be a mask of -inf
            check_finite(f"{name}: constant {target}", value, infinite=not is_parameter)
            copies[target] = re.sub(r"\W", "_", target)
            own = copies[target]
            if own in module._modules:
                own = copies[target] = f"{own}_value"
            module._parameters.pop(own, None)
            module._buffers.pop(own, None)
            module.__dict__.pop(own, None)
            module.register_buffer(own, value.detach().clone())
        node.target = copies[target]
    module.delete_all_unused_submodules()
    module.recompile()


def exported_origin(node: fx.Node) -> Origin:
    """Read module path and source line from what torch.export recorded on a node."""
    stack: Any = node.meta.get("nn_module_stack") or {}
    path = ""
    for entry in stack.values():
        path = str(entry[0])
    frames = _FRAME.findall(node.meta.get("stack_trace") or "")
    user = [frame for frame in frames if is_user_file(frame[0])] or frames
    source = f"{Path(user[-1][0]).name}:{user[-1][1]}" if user else ""
    return Origin(module=path, source=source)


def user_line(error: BaseException) -> str:
    """Return ` (file.py:line)` of the innermost frame outside torch and this package, or an empty string."""
    place = ""
    trace = error.__traceback__
    while trace is not None:
        filename = trace.tb_frame.f_code.co_filename
        if is_user_file(filename):
            place = f" ({Path(filename).name}:{trace.tb_lineno})"
        trace = trace.tb_next
    return place


_TORCH = str(Path(torch.__file__).parent)
_HERE = str(Path(__file__).parent.parent)


def is_user_file(filename: str) -> bool:
    """Tell whether a source file belongs to the user: neither PyTorch nor this package nor generated code."""
    return not (
        filename.startswith((_TORCH, _HERE, "<")) or "torchao" in filename or filename.endswith("contextlib.py")
    )
