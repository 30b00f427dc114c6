"""Time to event: discrete hazards of an event and of what competes with it, and how good such curves are.

`Timed` rows say after how many days which cause ended the observation of a row (0: censored). A grid of intervals
(`grid`) carries the hazards that heads on the decoder state give (`heads`), which become curves of risk (`hazard`).
Estimates without a model (`censoring`) stand beside them in measures that respect censoring (`measures`).
"""
