"""`ehr shell`: statements and commands, one after another, over the guarded engine.

statements   cutting what is typed into statements
completion   what may follow what is typed; knows no terminal
codes        codes and concepts of a store that fit what is typed
session      running statements and the commands that begin with a dot
terminal     the prompt: history, completion, keys
"""
