"""The functions that a query may call, by the names of DuckDB: the allow-list of the guard.

Left out on purpose: what reads files, settings, variables, sequences or the catalogue (read_*, glob, getvariable,
nextval, current_setting, duckdb_*, pragma_*), what runs text as SQL (query, query_table,
json_execute_serialized_sql), what waits or fails at will (sleep_ms, error), and what makes much out of little: the
memory limit of DuckDB does not hold for one long string or list, and `repeat`, `range` as a list or `list_resize`
make one of many gigabytes.
"""

from typing import Final


def _names(text: str) -> frozenset[str]:
    return frozenset(text.split())


NUMBERS: Final = _names(
    """
    abs acos acosh add asin asinh atan atan2 atanh bit_count cbrt ceil ceiling cos cosh cot degrees divide even
    exp factorial fdiv floor fmod gamma gcd greatest greatest_common_divisor isfinite isinf isnan lcm least
    least_common_multiple lgamma ln log log10 log2 mod multiply nextafter pi pow power radians random round
    round_even roundbankers sign signbit sin sinh sqrt subtract tan tanh trunc xor
    """
)

TEXTS: Final = _names(
    """
    ascii base64 bin bit_length char_length character_length chr concat concat_ws contains damerau_levenshtein
    decode editdist3 encode ends_with from_base64 from_binary from_hex hamming hash hex ilike_escape instr
    jaccard jaro_similarity jaro_winkler_similarity lcase left left_grapheme len length length_grapheme
    levenshtein like_escape lower lpad ltrim md5 md5_number md5_number_lower md5_number_upper mismatches
    nfc_normalize not_ilike_escape not_like_escape octet_length ord overlay position prefix regexp_escape
    regexp_extract regexp_extract_all regexp_full_match regexp_matches regexp_replace regexp_split_to_array
    replace reverse right right_grapheme rpad rtrim sha1 sha256 split split_part starts_with str_split
    str_split_regex string_split string_split_regex string_to_array strip_accents strlen strpos substr substring
    substring_grapheme suffix to_base to_base64 to_binary to_hex translate trim ucase unbin unhex unicode upper
    """
)

TIMES: Final = _names(
    """
    age ago century current_date current_localtime current_localtimestamp current_time current_timestamp
    date_add date_diff date_part date_sub date_trunc datediff datepart datesub datetrunc day dayname dayofmonth
    dayofweek dayofyear days_in_month decade epoch epoch_ms epoch_ns epoch_us era get_current_time
    get_current_timestamp hour isodow isoyear julian last_day localtime localtimestamp make_date make_time
    make_timestamp make_timestamp_ms make_timestamp_ns make_timestamptz microsecond millennium millisecond
    minute month monthname nanosecond normalized_interval now quarter second strftime strptime time_bucket
    timezone timezone_hour timezone_minute to_centuries to_days to_decades to_hours to_microseconds to_millennia
    to_milliseconds to_minutes to_months to_quarters to_seconds to_timestamp to_weeks to_years today
    transaction_timestamp try_strptime week weekday weekofyear year yearweek
    """
)

CHOICES: Final = _names("coalesce if ifnull nullif try typeof")

LISTS: Final = _names(
    """
    apply array_aggr array_aggregate array_append array_apply array_cat array_concat array_contains
    array_distinct array_extract array_filter array_has array_has_all array_has_any array_indexof
    array_intersect array_length array_pop_back array_pop_front array_position array_prepend array_push_back
    array_push_front array_reduce array_reverse array_reverse_sort array_select array_slice array_sort
    array_to_string array_transform array_unique array_value array_where array_zip cardinality element_at filter
    flatten generate_series list_aggr list_aggregate list_any_value list_append list_apply list_avg list_cat
    list_concat list_contains list_count list_distinct list_element list_extract list_filter list_first
    list_grade_up list_has list_has_all list_has_any list_histogram list_indexof list_intersect list_last
    list_max list_median list_min list_mode list_pack list_position list_prepend list_product list_reduce
    list_reverse list_reverse_sort list_select list_slice list_sort list_stddev_pop list_stddev_samp
    list_string_agg list_sum list_transform list_unique list_value list_var_pop list_var_samp list_where
    list_zip map map_concat map_contains map_contains_entry map_contains_value map_entries map_extract
    map_extract_value map_from_entries map_keys map_values range reduce row struct_concat struct_extract
    struct_extract_at struct_insert struct_keys struct_pack struct_update struct_values unnest
    """
)

JSON: Final = _names(
    """
    json json_array json_array_length json_contains json_exists json_extract json_extract_path
    json_extract_path_text json_extract_string json_group_array json_group_object json_keys json_object
    json_quote json_type json_valid json_value row_to_json to_json
    """
)

AGGREGATES: Final = _names(
    """
    any_value approx_count_distinct approx_quantile approx_top_k arbitrary arg_max arg_max_null arg_min
    arg_min_null argmax argmin array_agg avg bit_and bit_or bit_xor bool_and bool_or corr count count_if
    count_star countif covar_pop covar_samp entropy equi_width_bins favg first fsum geomean geometric_mean
    group_concat grouping grouping_id histogram kahan_sum kurtosis kurtosis_pop last list listagg mad max max_by
    mean median min min_by mode product quantile quantile_cont quantile_disc regr_avgx regr_avgy regr_count
    regr_intercept regr_r2 regr_slope regr_sxx regr_sxy regr_syy reservoir_quantile sem skewness stddev
    stddev_pop stddev_samp string_agg sum sumkahan var_pop var_samp variance wavg weighted_avg
    """
)

WINDOWS: Final = _names(
    """
    cume_dist dense_rank fill first_value lag last_value lead nth_value ntile percent_rank rank rank_dense
    row_number
    """
)

SYNTAX: Final = _names("columns percentile_cont percentile_disc")
"""What looks like a call in the text and is syntax of its own to DuckDB."""

FUNCTIONS: Final = NUMBERS | TEXTS | TIMES | CHOICES | LISTS | JSON | AGGREGATES | WINDOWS
"""Functions that an expression may call."""

DESCENDS_FROM: Final = "descends_from"
"""Ours, no function of DuckDB: descends_from(code, 'ICD10//E11', ...), which sql.descent replaces by a look-up."""

GROUPS: Final = "numbers, texts, times, choices, lists, JSON, aggregates and windows"
"""The groups of functions, as a sentence names them."""

ROLE_FUNCTIONS: Final[dict[str, frozenset[str]]] = {}
"""The functions of the roles that may not call all of them."""

TABLE_FUNCTIONS: Final = _names("unnest range generate_series")
"""Functions that may stand in FROM."""

BOUNDED: Final[dict[str, int]] = {"lpad": 1000, "rpad": 1000, "range": 10_000, "generate_series": 10_000}
"""Functions whose numbers must be written out and be no larger than this, outside FROM."""

OPERATORS: Final = _names(
    """
    + - * / // % ** ^ & | << >> ~ @ || ! !__postfix ~~ !~~ ~~* !~~* ~~~ ^@ -> ->> && @> <@ <-> <=> __between
    """
)
"""Operators, which DuckDB parses as functions."""


def functions_for(role: str) -> frozenset[str]:
    """Return the functions that an expression of `role` may call."""
    return ROLE_FUNCTIONS.get(role, FUNCTIONS)
