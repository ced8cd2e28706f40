"""Tables of a run, for people and for programs; charts and reports of several runs stand on the same `Table`."""
