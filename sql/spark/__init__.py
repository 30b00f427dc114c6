"""Cohorts, views and features on Apache Spark: the queries of DuckDB, rewritten, over MEDS files of any size.

session   a Spark session, set so that SQL means the same
records   a MEDS data set as the records of a cohort
engine    runs a query; rewrite and nearest make it one for Spark
"""
