"""Checks a model by ONNX's own checker, all of it: python check_onnx.py MODEL.onnx"""

import sys

import onnx

onnx.checker.check_model(sys.argv[1], full_check=True)
model = onnx.load(sys.argv[1], load_external_data=False)
print(f"{sys.argv[1]}: opset {model.opset_import[0].version}, {len(model.graph.node)} nodes, {len(model.graph.initializer)} initializers")
