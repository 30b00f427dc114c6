-- What the compiler of views calls: reading FHIR's JSON, FHIRPath's comparisons and boundaries.
-- `node` is one item of JSON or NULL; `place` says for an error where in the view it arose.
-- list_transform([x], lambda v: ...)[1] gives x a name, so that it is computed once.
-- In exact mode the decimals of the resources come as strings that begin with the character 1 (see fhir_exact).

-- Reading ----------------------------------------------------------------------------------------------------------

-- The items of an element, which may be missing, a list or a single value.
CREATE MACRO fhir_items(node, path, every) AS
    CASE coalesce(json_type(node, path), 'NULL')
        WHEN 'NULL' THEN []::JSON[]
        WHEN 'ARRAY' THEN list_filter(json_extract(node, every), lambda fhir_i: fhir_i <> 'null')
        ELSE [json_extract(node, path)]
    END;

-- The value at the end of a path of elements that do not repeat; `steps` are the paths on the way.
CREATE MACRO fhir_one(node, path, steps, place) AS
    CASE
        WHEN list_contains(json_type(node, steps), 'ARRAY')
            THEN error(place || ': a resource has a list where FHIR has one value')
        ELSE nullif(json_extract(node, path), 'null')
    END;

CREATE MACRO fhir_step(node, path, place) AS
    CASE json_type(node, path)
        WHEN 'ARRAY' THEN error(place || ': a resource has a list where FHIR has one value')
        WHEN 'NULL' THEN NULL
        ELSE json_extract(node, path)
    END;

-- The same for elements that were read together: `part` is the JSON of one, or NULL.
CREATE MACRO fhir_part_items(part) AS
    CASE WHEN part IS NULL OR part = 'null' THEN []::JSON[]
         WHEN starts_with(CAST(part AS VARCHAR), '[')
            THEN list_filter(json_extract(part, '$[*]'), lambda fhir_a: fhir_a <> 'null')
         ELSE [part] END;

CREATE MACRO fhir_part(part, place) AS
    CASE WHEN starts_with(CAST(part AS VARCHAR), '[')
            THEN error(place || ': a resource has a list where FHIR has one value')
         ELSE nullif(part, 'null') END;

CREATE MACRO fhir_part_choice(parts) AS
    list_filter(parts, lambda fhir_c: fhir_c IS NOT NULL AND fhir_c <> 'null')[1];

-- The value of a choice such as value[x]: what stands under one of the names.
CREATE MACRO fhir_choice(node, paths) AS fhir_part_choice(json_extract(node, paths));

-- The one item of a list; NULL when it is empty.
CREATE MACRO fhir_single(items, place) AS
    list_transform([items], lambda fhir_s:
        CASE len(fhir_s)
            WHEN 0 THEN NULL
            WHEN 1 THEN fhir_s[1]
            ELSE error(place || ': a resource has several values where one is expected; use first(), where(), or '
                       'collection: true on the column')
        END)[1];

-- Writes decimals as strings with a mark, since DuckDB reads JSON numbers as doubles, which forget 1.50 for 1.5.
CREATE MACRO fhir_exact(document) AS
    CAST(array_to_string(list_transform(
        regexp_extract_all(CAST(document AS VARCHAR), '"(?:[^"\\]|\\.)*"|[^"0-9-]+|-?[0-9][0-9.eE+-]*|.'),
        lambda fhir_t: CASE WHEN regexp_matches(fhir_t, '^-?[0-9]+[.eE]') THEN '"\u0001' || fhir_t || '"'
                            ELSE fhir_t END), '') AS JSON);

-- JSON as text, as it was before fhir_exact and fhir_link: numbers are numbers, links are gone.
CREATE MACRO fhir_json(node) AS
    list_transform([CAST(node AS VARCHAR)], lambda fhir_v:
        CASE WHEN contains(fhir_v, '\u0001')
             THEN regexp_replace(regexp_replace(fhir_v, ',"\\u0001":"[^"]*"', '', 'g'),
                                 '"\\u0001([^"]*)"', '\1', 'g')
             ELSE fhir_v END)[1];

CREATE MACRO fhir_text(node) AS ltrim(node ->> '$', chr(1));

CREATE MACRO fhir_is_number(node) AS
    coalesce(json_type(node) IN ('BIGINT', 'UBIGINT', 'HUGEINT', 'UHUGEINT', 'DOUBLE'), false)
    OR coalesce(starts_with(CAST(node AS VARCHAR), '"\u0001'), false);

CREATE MACRO fhir_is_text(node) AS coalesce(json_type(node) = 'VARCHAR', false) AND NOT fhir_is_number(node);

CREATE MACRO fhir_boolean(node, place) AS
    list_transform([node], lambda fhir_b:
        CASE WHEN fhir_b = 'true' THEN true WHEN fhir_b = 'false' THEN false WHEN fhir_b IS NULL THEN NULL
             ELSE error(place || ': a resource has a value that is neither true nor false') END)[1];

-- The boolean of a single item (FHIRPath, "Singleton Evaluation of Collections"): what is no boolean counts as true.
CREATE MACRO fhir_truth(node) AS CASE WHEN node IS NULL THEN NULL ELSE node <> 'false' END;

CREATE MACRO fhir_decimal(node, place) AS
    list_transform([node], lambda fhir_d:
        CASE WHEN fhir_d IS NULL THEN NULL
             WHEN fhir_is_number(fhir_d) THEN coalesce(
                TRY_CAST(fhir_text(fhir_d) AS DECIMAL(38, 18)), error(place || ': a number is out of range'))
             ELSE error(place || ': a resource has a value that is no number') END)[1];

CREATE MACRO fhir_whole(number, place) AS
    list_transform([number], lambda fhir_w:
        CASE WHEN fhir_w IS NULL OR fhir_w = trunc(fhir_w) THEN
                coalesce(TRY_CAST(fhir_w AS BIGINT),
                         CASE WHEN fhir_w IS NOT NULL THEN error(place || ': a number is out of range') END)
             ELSE error(place || ': a number is not whole') END)[1];

CREATE MACRO fhir_integer(node, place) AS fhir_whole(fhir_decimal(node, place), place);

-- FHIR writes an integer64 as a text, so that JSON readers keep all its digits.
CREATE MACRO fhir_integer64(node, place) AS
    list_transform([node], lambda fhir_f:
        CASE WHEN fhir_is_text(fhir_f) THEN coalesce(TRY_CAST(fhir_text(fhir_f) AS BIGINT),
                                                     error(place || ': a resource has a value that is no number'))
             ELSE fhir_integer(fhir_f, place) END)[1];

-- The text of a primitive value.
CREATE MACRO fhir_string(node, place) AS
    list_transform([node], lambda fhir_p:
        CASE WHEN json_type(fhir_p) IN ('OBJECT', 'ARRAY')
                THEN error(place || ': a resource has an element with parts where the column takes one value')
             ELSE fhir_text(fhir_p) END)[1];

-- A decimal without the zeros at its end.
CREATE MACRO fhir_number_text(number) AS
    list_transform([CAST(number AS VARCHAR)], lambda fhir_z:
        CASE WHEN contains(fhir_z, '.') THEN rtrim(rtrim(fhir_z, '0'), '.') ELSE fhir_z END)[1];

-- What a reference says, or the resource of its Bundle that it stands for (see fhir_link).
CREATE MACRO fhir_reference(node) AS
    coalesce(json_extract_string(node, '$."' || chr(1) || '"'), json_extract_string(node, '$.reference'));

-- The id in a reference to `type_name` ('' for any): relative, absolute, versioned or urn:uuid.
CREATE MACRO fhir_reference_key(reference, said_type, type_name) AS
    list_transform([{'uri': reference, 'parts': string_split(reference, '/'), 'said': said_type}], lambda fhir_r:
        CASE WHEN starts_with(fhir_r.uri, 'urn:') THEN
                CASE WHEN type_name = '' OR fhir_r.said = type_name
                     THEN nullif(regexp_extract(fhir_r.uri, '^urn:(?:uuid|oid):([A-Za-z0-9.-]{1,64})$', 1), '') END
             WHEN contains(fhir_r.uri, '#') OR contains(fhir_r.uri, '?') THEN NULL
             WHEN fhir_r.parts[-2] = '_history' THEN fhir_key_of(fhir_r.parts[-4], fhir_r.parts[-3], type_name)
             ELSE fhir_key_of(fhir_r.parts[-2], fhir_r.parts[-1], type_name) END)[1];

CREATE MACRO fhir_key_of(type, id, wanted) AS
    CASE WHEN type = wanted OR (wanted = '' AND regexp_full_match(type, '[A-Z][A-Za-z]+')) THEN nullif(id, '') END;

-- Equality and order -----------------------------------------------------------------------------------------------

CREATE MACRO fhir_equal_text(node, value) AS
    CASE WHEN node IS NULL OR value IS NULL THEN NULL ELSE fhir_is_text(node) AND fhir_text(node) = value END;

CREATE MACRO fhir_equal_number(node, value) AS
    CASE WHEN node IS NULL OR value IS NULL THEN NULL
         WHEN fhir_is_number(node) THEN TRY_CAST(fhir_text(node) AS DECIMAL(38, 18)) = value
         ELSE false END;

CREATE MACRO fhir_equal_boolean(node, value) AS
    CASE WHEN node IS NULL OR value IS NULL THEN NULL ELSE CAST(node AS VARCHAR) = CAST(value AS VARCHAR) END;

CREATE MACRO fhir_equal(one, other) AS
    CASE WHEN one IS NULL OR other IS NULL THEN NULL
         WHEN fhir_is_number(one) AND fhir_is_number(other)
            THEN TRY_CAST(fhir_text(one) AS DECIMAL(38, 18)) = TRY_CAST(fhir_text(other) AS DECIMAL(38, 18))
         ELSE fhir_json(json(one)) = fhir_json(json(other)) END;

-- A dateTime with a clock time in UTC, no finer than it is written; a missing offset is taken as UTC.
CREATE MACRO fhir_instant(moment) AS
    list_transform([{
            'day': left(moment, 10), 'clock': regexp_extract(moment, 'T([0-9:.]*)', 1),
            'zone': coalesce(nullif(regexp_extract(moment, '(Z|[+-][0-9]{2}:[0-9]{2})$', 1), ''), 'Z')}],
        lambda fhir_u: left(
            strftime(TRY_CAST(fhir_u.day || 'T' || fhir_u.clock
                              || CASE length(fhir_u.clock) WHEN 2 THEN ':00:00' WHEN 5 THEN ':00' ELSE '' END
                              || fhir_u.zone AS TIMESTAMPTZ) AT TIME ZONE 'UTC', '%Y-%m-%dT%H:%M:%S.%f'),
            CASE length(fhir_u.clock) WHEN 2 THEN 13 WHEN 5 THEN 16 ELSE 26 END))[1];

-- -1, 0 or 1 for two texts that are written from the coarsest part on; NULL where one is less precise and they agree.
CREATE MACRO fhir_order_parts(one, other) AS
    list_transform([{'a': one, 'b': other}], lambda fhir_o:
        CASE WHEN left(fhir_o.a, length(fhir_o.b)) < left(fhir_o.b, length(fhir_o.a)) THEN -1
             WHEN left(fhir_o.a, length(fhir_o.b)) > left(fhir_o.b, length(fhir_o.a)) THEN 1
             WHEN length(fhir_o.a) = length(fhir_o.b) THEN 0 END)[1];

-- The order of two dates or dateTimes; the clock counts only where both have one.
CREATE MACRO fhir_order_moments(one, other) AS
    list_transform([{'a': one, 'b': other}], lambda fhir_v:
        CASE WHEN contains(fhir_v.a, 'T') AND contains(fhir_v.b, 'T')
                THEN fhir_order_parts(fhir_instant(fhir_v.a), fhir_instant(fhir_v.b))
             ELSE fhir_order_parts(fhir_v.a, fhir_v.b) END)[1];

CREATE MACRO fhir_clock(clock) AS
    CASE WHEN length(clock) < 8 THEN clock ELSE rpad(replace(clock, '.', ''), 14, '0') END;

CREATE MACRO fhir_order_times(one, other) AS fhir_order_parts(fhir_clock(one), fhir_clock(other));

CREATE MACRO fhir_order_values(one, other) AS
    CASE WHEN one < other THEN -1 WHEN one > other THEN 1 WHEN one = other THEN 0 END;

CREATE MACRO fhir_is_moment(value) AS
    regexp_full_match(value, '[0-9]{4}(-[0-9]{2}(-[0-9]{2}(T[0-9:.]+(Z|[+-][0-9]{2}:[0-9]{2})?)?)?)?');

-- The order of two values of which only the JSON is known.
CREATE MACRO fhir_order_nodes(one, other, place) AS
    list_transform([{'a': one, 'b': other}], lambda fhir_q:
        CASE WHEN fhir_q.a IS NULL OR fhir_q.b IS NULL THEN NULL
             WHEN fhir_is_number(fhir_q.a) AND fhir_is_number(fhir_q.b)
                THEN fhir_order_values(fhir_decimal(fhir_q.a, place), fhir_decimal(fhir_q.b, place))
             WHEN fhir_is_text(fhir_q.a) AND fhir_is_text(fhir_q.b) THEN
                CASE WHEN fhir_is_moment(fhir_text(fhir_q.a)) AND fhir_is_moment(fhir_text(fhir_q.b))
                        THEN fhir_order_moments(fhir_text(fhir_q.a), fhir_text(fhir_q.b))
                     ELSE fhir_order_values(fhir_text(fhir_q.a), fhir_text(fhir_q.b)) END
             ELSE error(place || ': values of different types cannot be ordered') END)[1];

-- The order of two quantities of the same unit; NULL where the units differ.
CREATE MACRO fhir_order_quantities(one, other, place) AS
    list_transform([{'a': one, 'b': other}], lambda fhir_x:
        CASE WHEN coalesce(fhir_x.a ->> '$.code', fhir_x.a ->> '$.unit', '1')
                = coalesce(fhir_x.b ->> '$.code', fhir_x.b ->> '$.unit', '1')
             THEN fhir_order_values(fhir_decimal(json_extract(fhir_x.a, '$.value'), place),
                                    fhir_decimal(json_extract(fhir_x.b, '$.value'), place)) END)[1];

-- Strings that differ in case and kind of white space only (FHIRPath, "String Equivalence").
CREATE MACRO fhir_folded(value) AS regexp_replace(lower(value), '\s', ' ', 'g');

-- Decimals rounded to the precision of the less precise one.
CREATE MACRO fhir_places(number) AS length(regexp_extract(fhir_number_text(number), '\.([0-9]*)', 1));
CREATE MACRO fhir_equivalent_numbers(one, other) AS
    list_transform([{'a': one, 'b': other}], lambda fhir_e:
        round(CAST(fhir_e.a AS DOUBLE), CAST(least(fhir_places(fhir_e.a), fhir_places(fhir_e.b)) AS INTEGER))
        = round(CAST(fhir_e.b AS DOUBLE), CAST(least(fhir_places(fhir_e.a), fhir_places(fhir_e.b)) AS INTEGER)))[1];

-- All, in three-valued logic.
CREATE MACRO fhir_all(truths) AS
    list_transform([truths], lambda fhir_l:
        CASE WHEN list_contains(fhir_l, false) THEN false WHEN len(fhir_l) > list_count(fhir_l) THEN NULL
             ELSE true END)[1];

-- Arithmetic: decimals of 18 places; what overflows is empty. ------------------------------------------------------

CREATE MACRO fhir_multiply(one, other) AS
    TRY(CASE WHEN one = CAST(one AS DECIMAL(38, 9)) AND other = CAST(other AS DECIMAL(38, 9))
                THEN CAST(CAST(one AS DECIMAL(38, 9)) * CAST(other AS DECIMAL(38, 9)) AS DECIMAL(38, 18))
             ELSE CAST(format('{:.15g}', CAST(one AS DOUBLE) * CAST(other AS DOUBLE)) AS DECIMAL(38, 18)) END);

CREATE MACRO fhir_divide(one, other) AS
    TRY(CASE WHEN other <> 0
             THEN CAST(format('{:.15g}', CAST(one AS DOUBLE) / CAST(other AS DOUBLE)) AS DECIMAL(38, 18)) END);

CREATE MACRO fhir_div(one, other) AS
    TRY(CASE WHEN other <> 0 THEN CAST(trunc(CAST(one AS DOUBLE) / CAST(other AS DOUBLE)) AS BIGINT) END);

CREATE MACRO fhir_mod(one, other) AS TRY(CASE WHEN other <> 0 THEN one % other END);

-- Boundaries (FHIRPath, "lowBoundary" and "highBoundary"); sign is -1 for the low one, 1 for the high one. ----------

CREATE MACRO fhir_power(places) AS CAST(rpad('1', CAST(places + 1 AS INTEGER), '0') AS HUGEINT);

CREATE MACRO fhir_floor(number, step) AS (number - ((number % step) + step) % step) // step;

CREATE MACRO fhir_pointed(number, places) AS
    list_transform([lpad(CAST(abs(number) AS VARCHAR),
                         CAST(greatest(length(CAST(abs(number) AS VARCHAR)), places + 1) AS INTEGER), '0')],
        lambda fhir_n: CASE WHEN number < 0 THEN '-' ELSE '' END || left(fhir_n, length(fhir_n) - places)
                       || '.' || right(fhir_n, places))[1];

-- Half a unit of the last place below or above, rounded outwards to `digits` places after the point (0 to 18).
CREATE MACRO fhir_decimal_boundary(written, digits, sign) AS
    list_transform([
            CASE WHEN regexp_matches(written, '[eE]')
                    THEN fhir_number_text(CAST(written AS DECIMAL(38, 18))) ELSE written END],
        lambda fhir_w: list_transform([{
                'mid': CAST(replace(fhir_w, '.', '') AS HUGEINT) * 10 + sign * 5,
                'places': length(regexp_extract(fhir_w, '\.([0-9]*)', 1)) + 1}],
            lambda fhir_y: list_transform([coalesce(digits, greatest(8, fhir_y.places))],
                lambda fhir_k: CASE WHEN fhir_k BETWEEN 0 AND 18 THEN TRY_CAST(fhir_pointed(
                    CASE WHEN fhir_k >= fhir_y.places THEN fhir_y.mid * fhir_power(fhir_k - fhir_y.places)
                         ELSE sign * -fhir_floor(sign * -fhir_y.mid, fhir_power(fhir_y.places - fhir_k)) END,
                    fhir_k) AS DECIMAL(38, 18)) END)[1])[1])[1];

CREATE MACRO fhir_whole_day(day, sign) AS
    CASE length(day)
        WHEN 4 THEN day || CASE WHEN sign < 0 THEN '-01-01' ELSE '-12-31' END
        WHEN 7 THEN CASE WHEN sign < 0 THEN day || '-01' ELSE CAST(last_day(CAST(day || '-01' AS DATE)) AS VARCHAR) END
        ELSE left(day, 10)
    END;

-- digits: 4 for the year, 6 for the month, 8 for the day.
CREATE MACRO fhir_date_boundary(day, digits, sign) AS
    left(fhir_whole_day(day, sign), CASE coalesce(digits, 8) WHEN 4 THEN 4 WHEN 6 THEN 7 WHEN 8 THEN 10 END);

CREATE MACRO fhir_whole_clock(clock, sign) AS
    left(clock || substr(CASE WHEN sign < 0 THEN '00:00:00.000' ELSE '23:59:59.999' END, length(clock) + 1), 12);

-- digits: as for dates; 10 for the hour, 12 the minute, 14 the second, 17 the millisecond.
CREATE MACRO fhir_moment_boundary(moment, digits, sign) AS
    list_transform([{
            'text': fhir_whole_day(regexp_replace(moment, 'T.*', ''), sign) || 'T'
                    || fhir_whole_clock(regexp_extract(moment, 'T([0-9:.]*)', 1), sign),
            'zone': coalesce(nullif(regexp_extract(moment, 'T.*(Z|[+-][0-9]{2}:[0-9]{2})$', 1), ''),
                             CASE WHEN sign < 0 THEN '+14:00' ELSE '-12:00' END)}],
        lambda fhir_m: CASE coalesce(digits, 17)
            WHEN 4 THEN left(fhir_m.text, 4) WHEN 6 THEN left(fhir_m.text, 7) WHEN 8 THEN left(fhir_m.text, 10)
            WHEN 10 THEN left(fhir_m.text, 13) || fhir_m.zone WHEN 12 THEN left(fhir_m.text, 16) || fhir_m.zone
            WHEN 14 THEN left(fhir_m.text, 19) || fhir_m.zone WHEN 17 THEN fhir_m.text || fhir_m.zone END)[1];

-- digits: 2 for the hour, 4 the minute, 6 the second, 9 the millisecond.
CREATE MACRO fhir_time_boundary(clock, digits, sign) AS
    left(fhir_whole_clock(clock, sign),
         CASE coalesce(digits, 9) WHEN 2 THEN 2 WHEN 4 THEN 5 WHEN 6 THEN 8 WHEN 9 THEN 12 END);

-- The boundary of a value of which only the JSON is known; a date without a clock counts as a date.
CREATE MACRO fhir_node_boundary(node, digits, sign, place) AS
    list_transform([{'node': node, 'digits': digits}], lambda fhir_h:
        CASE WHEN fhir_h.node IS NULL THEN NULL
             WHEN fhir_is_number(fhir_h.node)
                THEN to_json(fhir_decimal_boundary(fhir_text(fhir_h.node), fhir_h.digits, sign))
             WHEN regexp_matches(fhir_text(fhir_h.node), '^[0-9]{2}:')
                THEN to_json(fhir_time_boundary(fhir_text(fhir_h.node), fhir_h.digits, sign))
             WHEN fhir_is_moment(fhir_text(fhir_h.node)) AND contains(fhir_text(fhir_h.node), 'T')
                THEN to_json(fhir_moment_boundary(fhir_text(fhir_h.node), fhir_h.digits, sign))
             WHEN fhir_is_moment(fhir_text(fhir_h.node))
                THEN to_json(fhir_date_boundary(fhir_text(fhir_h.node), fhir_h.digits, sign))
             ELSE error(place || ': a boundary belongs to a decimal, date, dateTime or time') END)[1];

-- Documents ---------------------------------------------------------------------------------------------------------

CREATE MACRO fhir_entries(document) AS
    CASE WHEN json_extract_string(document, '$.resourceType') = 'Bundle'
            THEN list_filter(json_extract(document, '$.entry[*].resource'), lambda fhir_j: fhir_j <> 'null')
         ELSE [document] END;

-- A resource of type `wanted` in which each reference by urn says beside it, under the name of character 1, what it
-- stands for.
CREATE MACRO fhir_link(resource, wanted, urns, targets) AS
    CASE WHEN json_extract_string(resource, '$.resourceType') = wanted
              AND contains(CAST(resource AS VARCHAR), '"reference":"urn:')
        THEN CAST(array_to_string(list_transform(
            regexp_extract_all(CAST(resource AS VARCHAR),
                               '"reference":"urn:[^"\\]*"|"(?:[^"\\]|\\.)*"|[^"]+'),
            lambda fhir_ab:
                CASE WHEN starts_with(fhir_ab, '"reference":"urn:') AND list_contains(urns, fhir_ab[14:-2])
                        THEN coalesce(fhir_ab || ',"\u0001":"' || targets[list_position(urns, fhir_ab[14:-2])] || '"',
                                      fhir_ab)
                     ELSE fhir_ab END), '') AS JSON)
        ELSE resource END;

-- The resources of a document, with the references by urn within a Bundle resolved.
CREATE MACRO fhir_linked_entries(document, wanted) AS
    CASE WHEN json_extract_string(document, '$.resourceType') = 'Bundle'
        THEN list_transform([list_filter(list_transform(
                json_extract(document, '$.entry[*]'),
                lambda fhir_ac: {'resource': json_extract(fhir_ac, '$.resource'),
                                 'urn': json_extract_string(fhir_ac, '$.fullUrl'),
                                 'target': nullif(regexp_extract(
                                    json_extract_string(fhir_ac, '$.resource.resourceType') || '/'
                                    || json_extract_string(fhir_ac, '$.resource.id'),
                                    '^[A-Z][A-Za-z]+/[A-Za-z0-9.-]{1,64}$'), '')}),
                lambda fhir_ad: fhir_ad.resource <> 'null')],
            lambda fhir_ae: list_transform([{
                    'urns': list_transform(fhir_ae, lambda fhir_af: fhir_af.urn),
                    'targets': list_transform(fhir_ae, lambda fhir_ag: fhir_ag.target)}],
                lambda fhir_ah: list_transform(fhir_ae, lambda fhir_ai:
                    fhir_link(fhir_ai.resource, wanted, fhir_ah.urns, fhir_ah.targets)))[1])[1]
         ELSE [document] END;

CREATE MACRO fhir_unbundled_linked(document, wanted) AS
    flatten(list_transform(fhir_linked_entries(document, wanted),
                           lambda fhir_aj: fhir_linked_entries(fhir_aj, wanted)));

-- The resources of a document: itself, or those of a Bundle, and of the Bundles within that.
CREATE MACRO fhir_unbundled(document) AS
    flatten(list_transform(fhir_entries(document), lambda fhir_g: fhir_entries(fhir_g)));

CREATE MACRO fhir_resource_type(resource) AS
    coalesce(json_extract_string(resource, '$.resourceType'),
             error('ViewDefinition: something among the resources has no resourceType; give FHIR resources, Bundles '
                   'or NDJSON of them'));
