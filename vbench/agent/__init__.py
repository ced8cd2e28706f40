"""The agent: it travels into a target, collects snapshots and executes argv; it parses nothing and knows no workload.

Standard library only, Python 3.8 and later, imports nothing of vbench but itself, and imports late: inside an emulated
guest every module costs milliseconds before the first word.
"""
