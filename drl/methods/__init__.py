"""The objectives. A method named `m` is the class `Objective` of drl/methods/m.py."""
