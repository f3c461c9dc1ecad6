"""Triton's backend `onnxruntime`, run by its Python backend: the same config.pbtxt as on the official image (README.md)."""

import json
import threading
from pathlib import Path

import onnxruntime
import triton_python_backend_utils as triton

ONNX_TYPES = {
    "TYPE_FP16": "tensor(float16)",
    "TYPE_FP32": "tensor(float)",
    "TYPE_FP64": "tensor(double)",
    "TYPE_INT32": "tensor(int32)",
    "TYPE_INT64": "tensor(int64)",
    "TYPE_UINT8": "tensor(uint8)",
    "TYPE_BOOL": "tensor(bool)",
}
COMPARED = ("channels.", "weights_sha256")
"""Parameters of config.pbtxt that the ONNX file's metadata must hold too."""
LOOK_EVERY_S = 0.05


class TritonPythonModel:
    """One instance of a model: an ONNX Runtime session on the CPU."""

    @staticmethod
    def auto_complete_config(config):
        """Nothing is guessed: config.pbtxt says all."""
        return config

    def initialize(self, args):
        """Load the ONNX file. Raises TritonModelException with a sentence when it is not what config.pbtxt says."""
        self.config = json.loads(args["model_config"])
        parameters = {key: value["string_value"] for key, value in self.config.get("parameters", {}).items()}
        name = self.config.get("default_model_filename") or "model.onnx"
        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = int(parameters.get("intra_op_thread_count", "1"))
        options.inter_op_num_threads = int(parameters.get("inter_op_thread_count", "1"))
        options.add_session_config_entry("session.intra_op.allow_spinning", "0")  # a core that waits is another's core
        path = Path(args["model_repository"]) / args["model_version"] / name
        if not path.is_file():
            raise triton.TritonModelException(f"There is no file {name} in version {args['model_version']} of {self.config['name']}.")
        try:
            self.session = onnxruntime.InferenceSession(str(path), options, providers=["CPUExecutionProvider"])
        except Exception as error:  # ONNX Runtime has no common class for what a broken file raises
            raise triton.TritonModelException(f"{name} of {self.config['name']} is not an ONNX model: {str(error).replace(str(path), name)}") from None
        batched = self.config.get("max_batch_size", 0) > 0
        wrong = [
            *differing("input", self.config["input"], self.session.get_inputs(), batched),
            *differing("output", self.config["output"], self.session.get_outputs(), batched),
            *differing_parameters(parameters, self.session.get_modelmeta().custom_metadata_map),
        ]
        if wrong:
            raise triton.TritonModelException(f"{name} of {self.config['name']} is not what config.pbtxt says: {'; '.join(wrong)}.")
        self.outputs = [output["name"] for output in self.config["output"]]

    def execute(self, requests):
        """An answer or an error for each request; nothing that is asked ends the process."""
        return [self.answer(request) for request in requests]

    def answer(self, request):
        """Run one request, until its caller has gone."""
        if request.is_cancelled():
            return error("the request was cancelled", triton.TritonError.CANCELLED)
        options, done = onnxruntime.RunOptions(), threading.Event()
        watcher = threading.Thread(target=stop_when_cancelled, args=(request, options, done))
        try:
            feeds = {one["name"]: triton.get_input_tensor_by_name(request, one["name"]).as_numpy() for one in self.config["input"]}
            watcher.start()
            found = self.session.run(self.outputs, feeds, options)
            return triton.InferenceResponse([triton.Tensor(name, values) for name, values in zip(self.outputs, found, strict=True)])
        except Exception as trouble:  # ONNX Runtime has no common class; the caller is told whatever it was
            if options.terminate:
                return error("the request was cancelled", triton.TritonError.CANCELLED)
            return error(str(trouble), triton.TritonError.INVALID_ARG)
        finally:
            done.set()
            if watcher.ident is not None:
                watcher.join()


def stop_when_cancelled(request, options, done):
    """End a run whose caller has gone, as one whose deadline passed has: the next caller need not wait for it."""
    while not done.wait(LOOK_EVERY_S):
        if request.is_cancelled():
            options.terminate = True
            return


def error(sentence, code):
    """The answer to a request that failed."""
    return triton.InferenceResponse(error=triton.TritonError(sentence, code))


def differing(kind, declared, found, batched):
    """What config.pbtxt and the ONNX file say differently about the inputs or outputs, as parts of a sentence."""
    by_name = {one.name: one for one in found}
    names = [one["name"] for one in declared]
    if sorted(names) != sorted(by_name):
        return [f"it has the {kind}s {', '.join(sorted(by_name))}, declared are {', '.join(sorted(names))}"]
    wrong = []
    for one in declared:
        dims = [-1] * batched + [int(length) for length in one["dims"]]
        mine = by_name[one["name"]]
        if mine.type != ONNX_TYPES.get(one["data_type"]):
            wrong.append(f"its {kind} {mine.name} is a {mine.type}, declared is {one['data_type']}")
        if len(mine.shape) != len(dims) or any(isinstance(its, int) and its != length for its, length in zip(mine.shape, dims, strict=True)):
            wrong.append(f"its {kind} {mine.name} has the shape {mine.shape}, declared is {dims}")
    return wrong


def differing_parameters(parameters, metadata):
    """Channels and weights that config.pbtxt and the ONNX file's metadata tell differently, as parts of a sentence."""
    keys = sorted(key for key in {*parameters, *metadata} if key.startswith(COMPARED))
    return [
        f"its {key} is {metadata.get(key, 'not there')}, declared is {parameters.get(key, 'none')}" for key in keys if metadata.get(key) != parameters.get(key)
    ]
