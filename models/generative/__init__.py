"""Risk from generated futures: a timeline is led on many times, and the windows of a task are watched (ETHOS, ARES).

watch, futures    what a task watches for in a future, and what ends it
draws             gaps, codes and values drawn from the model's own chances
rollout           many futures of many rows go forward together
variates          the surprises of the draws, taken away
generate          the risk of each row, with an interval
monitor           the risk of one patient at many times of a stay
backbone          what a decoder has to offer for all this
"""
