"""ONNX files: graphs are written as models that other runtimes take, and models of others are read as graphs."""
