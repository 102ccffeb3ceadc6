"""The public Python interface: `drl.load`, `drl.Model` and `drl.CodeTransformer`."""
