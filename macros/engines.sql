{#
    What DuckDB and Spark write differently. Everything else in this project is text that both read alike; whoever needs
    another such difference adds a macro here and no `if` in a model.
#}

{% macro keeps_history() %}
    {#- Whether models and builds stay in the warehouse from one build to the next. Parquet tables on Spark cannot be
        appended to in one step that a reader sees whole, so there every build is the first. -#}
    {%- do return(target.type == 'duckdb') -%}
{% endmacro %}


{% macro engine_version() -%}
    {#- The name and version of the engine that holds the warehouse, as text. -#}
    {{ adapter.dispatch('engine_version')() }}
{%- endmacro %}


{% macro default__engine_version() -%}
    concat('duckdb ', version())
{%- endmacro %}


{% macro spark__engine_version() -%}
    concat('spark ', split_part(version(), ' ', 1))
{%- endmacro %}


{# ---- texts ------------------------------------------------------------------------------------------------------ #}

{% macro quote_literal(text) %}
    {%- do return(adapter.dispatch('quote_literal')(text)) -%}
{% endmacro %}


{% macro default__quote_literal(text) %}
    {%- do return("'" ~ text | replace("'", "''") ~ "'") -%}
{% endmacro %}


{% macro spark__quote_literal(text) %}
    {#- Spark puts something else in the place of ${...}, also within a text. -#}
    {%- do return(
        "'" ~ text | replace('\\', '\\\\') | replace("'", "\\'") | replace('${', '\\u0024{') ~ "'"
    ) -%}
{% endmacro %}


{% macro quote_ident(name) %}
    {%- do return(adapter.dispatch('quote_ident')(name)) -%}
{% endmacro %}


{% macro default__quote_ident(name) %}
    {%- do return('"' ~ name | replace('"', '""') ~ '"') -%}
{% endmacro %}


{% macro spark__quote_ident(name) %}
    {%- do return('`' ~ name | replace('`', '``') ~ '`') -%}
{% endmacro %}


{% macro trim_characters(text, characters) -%}
    {#- A text without any of these characters, an expression, around it. -#}
    {{ adapter.dispatch('trim_characters')(text, characters) }}
{%- endmacro %}


{% macro default__trim_characters(text, characters) -%}
    trim({{ text }}, {{ characters }})
{%- endmacro %}


{% macro spark__trim_characters(text, characters) -%}
    btrim({{ text }}, {{ characters }})
{%- endmacro %}


{% macro regexp_full_match(text, pattern) -%}
    {#- Whether a pattern (RE2 and Java read alike what is used here) describes the whole text. -#}
    {{ adapter.dispatch('regexp_full_match')(text, pattern) }}
{%- endmacro %}


{% macro default__regexp_full_match(text, pattern) -%}
    regexp_full_match({{ text }}, {{ quote_literal(pattern) }})
{%- endmacro %}


{% macro spark__regexp_full_match(text, pattern) -%}
    regexp_like({{ text }}, {{ quote_literal('^(?:' ~ pattern ~ ')$') }})
{%- endmacro %}


{% macro regexp_replace(text, pattern, replacement) -%}
    {#- A text with every match of a pattern replaced; \1 is what its first group found. -#}
    {{ adapter.dispatch('regexp_replace')(text, pattern, replacement) }}
{%- endmacro %}


{% macro default__regexp_replace(text, pattern, replacement) -%}
    regexp_replace({{ text }}, {{ quote_literal(pattern) }}, {{ quote_literal(replacement) }}, 'g')
{%- endmacro %}


{% macro spark__regexp_replace(text, pattern, replacement) -%}
    regexp_replace(
        {{ text }}, {{ quote_literal(pattern) }}, {{ quote_literal(replacement | replace('\\', '$')) }}
    )
{%- endmacro %}


{% macro string_agg(text, separator, order_by, distinct=false) -%}
    {#- The texts of a group as one, in this order. -#}
    {{ adapter.dispatch('string_agg')(text, separator, order_by, distinct) }}
{%- endmacro %}


{% macro default__string_agg(text, separator, order_by, distinct) -%}
    string_agg({{ 'distinct ' if distinct }}{{ text }}, {{ quote_literal(separator) }} order by {{ order_by }})
{%- endmacro %}


{% macro spark__string_agg(text, separator, order_by, distinct) -%}
    listagg({{ 'distinct ' if distinct }}{{ text }}, {{ quote_literal(separator) }})
    within group (order by {{ order_by }})
{%- endmacro %}


{% macro hash_agg(text) -%}
    {#- One number for the rows of a group, whatever their order. -#}
    {{ adapter.dispatch('hash_agg')(text) }}
{%- endmacro %}


{% macro default__hash_agg(text) -%}
    bit_xor(hash({{ text }}))
{%- endmacro %}


{% macro spark__hash_agg(text) -%}
    bit_xor(xxhash64({{ text }}))
{%- endmacro %}


{% macro raise_error(sentence) -%}
    {#- An expression that stops the run with a sentence once it is evaluated. -#}
    {{ adapter.dispatch('raise_error')(sentence) }}
{%- endmacro %}


{% macro default__raise_error(sentence) -%}
    error({{ sentence }})
{%- endmacro %}


{% macro spark__raise_error(sentence) -%}
    cast(raise_error({{ sentence }}) as string)
{%- endmacro %}


{# ---- lists and structs ------------------------------------------------------------------------------------------ #}

{% macro array_literal(values) -%}
    {{ adapter.dispatch('array_literal')(values) }}
{%- endmacro %}


{% macro default__array_literal(values) -%}
    [{{ values | join(', ') }}]
{%- endmacro %}


{% macro spark__array_literal(values) -%}
    array({{ values | join(', ') }})
{%- endmacro %}


{% macro named_struct(fields) -%}
    {#- A struct of {name: expression}. -#}
    {{ adapter.dispatch('named_struct')(fields) }}
{%- endmacro %}


{% macro default__named_struct(fields) -%}
    struct_pack(
        {%- for name, expression in fields.items() %}
        {{ name }} := {{ expression }}
        {{- ',' if not loop.last }}
        {%- endfor %}
    )
{%- endmacro %}


{% macro spark__named_struct(fields) -%}
    named_struct(
        {%- for name, expression in fields.items() %}
        '{{ name }}', {{ expression }}
        {{- ',' if not loop.last }}
        {%- endfor %}
    )
{%- endmacro %}


{% macro array_agg_structs(fields, order_by) -%}
    {#- The rows of a group as one list of structs of {name: expression}, ordered by these expressions, null first. -#}
    {{ adapter.dispatch('array_agg_structs')(fields, order_by) }}
{%- endmacro %}


{% macro default__array_agg_structs(fields, order_by) -%}
    list(
        {{ named_struct(fields) | indent(4) }}
        order by {{ order_by | join(' nulls first, ') }} nulls first
    )
{%- endmacro %}


{% macro spark__array_agg_structs(fields, order_by) -%}
    {%- set places = {} -%}
    {%- for expression in order_by -%}
        {%- do places.update({'place_' ~ loop.index: expression}) -%}
    {%- endfor -%}
    {%- do places.update({'content': named_struct(fields)}) -%}
    transform(sort_array(collect_list({{ named_struct(places) }})), placed -> placed.content)
{%- endmacro %}


{% macro array_of_structs_type(fields) -%}
    {#- The type of a list of structs of {name: type}. -#}
    {{ adapter.dispatch('array_of_structs_type')(fields) }}
{%- endmacro %}


{% macro default__array_of_structs_type(fields) -%}
    struct(
        {%- for name, type in fields.items() %}{{ name }} {{ type }}{{ ', ' if not loop.last }}{% endfor -%}
    )[]
{%- endmacro %}


{% macro spark__array_of_structs_type(fields) -%}
    array<struct<
        {%- for name, type in fields.items() %}{{ name }}: {{ type }}{{ ', ' if not loop.last }}{% endfor -%}
    >>
{%- endmacro %}


{% macro unnest_structs(column) -%}
    {#- One row per struct of a list, its fields as columns, in a select list. None for an empty list or none. -#}
    {{ adapter.dispatch('unnest_structs')(column) }}
{%- endmacro %}


{% macro default__unnest_structs(column) -%}
    unnest({{ column }}, recursive := true)
{%- endmacro %}


{% macro spark__unnest_structs(column) -%}
    inline({{ column }})
{%- endmacro %}


{% macro series_from_zero(last) -%}
    {#- One row per whole number from 0 to the last, in a select list. -#}
    {{ adapter.dispatch('series_from_zero')(last) }}
{%- endmacro %}


{% macro default__series_from_zero(last) -%}
    unnest(range(cast({{ last }} as bigint) + 1))
{%- endmacro %}


{% macro spark__series_from_zero(last) -%}
    explode(sequence(0, cast({{ last }} as int)))
{%- endmacro %}


{% macro bin_index(value, edges) -%}
    {#- The bin of a value, from 0: how many of the edges lie below it. -#}
    {{ adapter.dispatch('bin_index')(value, edges) }}
{%- endmacro %}


{% macro default__bin_index(value, edges) -%}
    len(list_filter({{ edges }}, lambda edge: edge < {{ value }}))
{%- endmacro %}


{% macro spark__bin_index(value, edges) -%}
    size(filter({{ edges }}, edge -> edge < {{ value }}))
{%- endmacro %}


{% macro quantiles(value, shares) -%}
    {#- The values of a group that have these shares of it at or below them, ascending, each once, as a list. -#}
    {{ adapter.dispatch('quantiles')(value, shares) }}
{%- endmacro %}


{% macro default__quantiles(value, shares) -%}
    list_sort(list_distinct(quantile_disc({{ value }}, [{{ shares | join(', ') }}])))
{%- endmacro %}


{% macro spark__quantiles(value, shares) -%}
    array_sort(array_distinct(
        percentile_disc(array({{ shares | join(', ') }})) within group (order by {{ value }})
    ))
{%- endmacro %}


{% macro sort_key(expressions) -%}
    {#- What max_by and min_by compare: the first expression, and the next where it is the same. -#}
    {{ adapter.dispatch('sort_key')(expressions) }}
{%- endmacro %}


{% macro default__sort_key(expressions) -%}
    ({{ expressions | join(', ') }})
{%- endmacro %}


{% macro spark__sort_key(expressions) -%}
    struct({{ expressions | join(', ') }})
{%- endmacro %}


{# ---- rows of the input ------------------------------------------------------------------------------------------ #}

{% macro input_text(column) -%}
    {#- A column of the input, whatever its type, as text. -#}
    {{ adapter.dispatch('input_text')(column) }}
{%- endmacro %}


{% macro default__input_text(column) -%}
    cast({{ column }} as string)
{%- endmacro %}


{% macro spark__input_text(column) -%}
    {#- As DuckDB writes it: a timestamp with a zone with its offset, of the session's zone, which is UTC; and a whole
        number that is stored as a float, as an id is beside a missing one, with its digits and not as 1.785012E7. -#}
    {%- set text = 'cast(' ~ column ~ ' as string)' -%}
    {%- set number = 'try_cast(' ~ text ~ ' as double)' -%}
    case
        when typeof({{ column }}) = 'timestamp' then concat({{ text }}, '+00')
        when
            typeof({{ column }}) in ('double', 'float')
            and abs({{ number }}) < 1e15
            and {{ number }} % 1 = 0
            then cast(try_cast({{ text }} as decimal(16, 1)) as string)
        else {{ text }}
    end
{%- endmacro %}


{% macro row_number_by(expression) -%}
    {#- The number of a row, from 1, in the order of an expression. On Spark the order is lost: it would take all rows
        to one task. -#}
    {{ adapter.dispatch('row_number_by')(expression) }}
{%- endmacro %}


{% macro default__row_number_by(expression) -%}
    row_number() over (order by {{ expression }})
{%- endmacro %}


{% macro spark__row_number_by(expression) -%}
    {{ input_row_number(none) }}
{%- endmacro %}


{% macro input_row_number(location) -%}
    {#- The number of a row in its input, from 1. On Spark rows have no order: the numbers tell rows apart. -#}
    {{ adapter.dispatch('input_row_number')(location) }}
{%- endmacro %}


{% macro default__input_row_number(location) -%}
    {#- Numbering by a window keeps DuckDB to one thread for whatever reads the rows; one Parquet file knows the numbers
        of its rows. -#}
    {%- if location and is_parquet(location) and not is_pattern(location) -%}
    row_as_it_came.file_row_number + 1
    {%- else -%}
    row_number() over ()
    {%- endif -%}
{%- endmacro %}


{% macro spark__input_row_number(location) -%}
    monotonically_increasing_id() + 1
{%- endmacro %}


{% macro row_as_struct(relation) -%}
    {#- All columns of a relation in the query as one struct. -#}
    {{ adapter.dispatch('row_as_struct')(relation) }}
{%- endmacro %}


{% macro default__row_as_struct(relation) -%}
    {{ relation }}
{%- endmacro %}


{% macro spark__row_as_struct(relation) -%}
    struct({{ relation }}.*)
{%- endmacro %}


{% macro to_json(struct) -%}
    {{ adapter.dispatch('to_json')(struct) }}
{%- endmacro %}


{% macro default__to_json(struct) -%}
    cast(to_json({{ struct }}) as string)
{%- endmacro %}


{% macro spark__to_json(struct) -%}
    to_json({{ struct }}, map('ignoreNullFields', 'false'))
{%- endmacro %}
