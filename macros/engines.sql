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

{% macro quote_text(text) %}
    {%- do return(adapter.dispatch('quote_text')(text)) -%}
{% endmacro %}


{% macro default__quote_text(text) %}
    {%- do return("'" ~ text | replace("'", "''") ~ "'") -%}
{% endmacro %}


{% macro spark__quote_text(text) %}
    {#- Spark puts something else in the place of ${...}, also within a text. -#}
    {%- do return(
        "'" ~ text | replace('\\', '\\\\') | replace("'", "\\'") | replace('${', '\\u0024{') ~ "'"
    ) -%}
{% endmacro %}


{% macro quote_name(name) %}
    {%- do return(adapter.dispatch('quote_name')(name)) -%}
{% endmacro %}


{% macro default__quote_name(name) %}
    {%- do return('"' ~ name | replace('"', '""') ~ '"') -%}
{% endmacro %}


{% macro spark__quote_name(name) %}
    {%- do return('`' ~ name | replace('`', '``') ~ '`') -%}
{% endmacro %}


{% macro trimmed(text, characters) -%}
    {#- A text without any of these characters, an expression, around it. -#}
    {{ adapter.dispatch('trimmed')(text, characters) }}
{%- endmacro %}


{% macro default__trimmed(text, characters) -%}
    trim({{ text }}, {{ characters }})
{%- endmacro %}


{% macro spark__trimmed(text, characters) -%}
    btrim({{ text }}, {{ characters }})
{%- endmacro %}


{% macro matches(text, pattern) -%}
    {#- Whether a pattern (RE2 and Java read alike what is used here) describes the whole text. -#}
    {{ adapter.dispatch('matches')(text, pattern) }}
{%- endmacro %}


{% macro default__matches(text, pattern) -%}
    regexp_full_match({{ text }}, {{ quote_text(pattern) }})
{%- endmacro %}


{% macro spark__matches(text, pattern) -%}
    regexp_like({{ text }}, {{ quote_text('^(?:' ~ pattern ~ ')$') }})
{%- endmacro %}


{% macro replaced(text, pattern, replacement) -%}
    {#- A text with every match of a pattern replaced; \1 is what its first group found. -#}
    {{ adapter.dispatch('replaced')(text, pattern, replacement) }}
{%- endmacro %}


{% macro default__replaced(text, pattern, replacement) -%}
    regexp_replace({{ text }}, {{ quote_text(pattern) }}, {{ quote_text(replacement) }}, 'g')
{%- endmacro %}


{% macro spark__replaced(text, pattern, replacement) -%}
    regexp_replace(
        {{ text }}, {{ quote_text(pattern) }}, {{ quote_text(replacement | replace('\\', '$')) }}
    )
{%- endmacro %}


{% macro joined(text, separator, order_by, distinct=false) -%}
    {#- The texts of a group as one, in this order. -#}
    {{ adapter.dispatch('joined')(text, separator, order_by, distinct) }}
{%- endmacro %}


{% macro default__joined(text, separator, order_by, distinct) -%}
    string_agg({{ 'distinct ' if distinct }}{{ text }}, {{ quote_text(separator) }} order by {{ order_by }})
{%- endmacro %}


{% macro spark__joined(text, separator, order_by, distinct) -%}
    listagg({{ 'distinct ' if distinct }}{{ text }}, {{ quote_text(separator) }})
    within group (order by {{ order_by }})
{%- endmacro %}


{% macro hash_of_rows(text) -%}
    {#- One number for the rows of a group, whatever their order. -#}
    {{ adapter.dispatch('hash_of_rows')(text) }}
{%- endmacro %}


{% macro default__hash_of_rows(text) -%}
    bit_xor(hash({{ text }}))
{%- endmacro %}


{% macro spark__hash_of_rows(text) -%}
    bit_xor(xxhash64({{ text }}))
{%- endmacro %}


{% macro stop_with(sentence) -%}
    {#- An expression that stops the run with a sentence once it is evaluated. -#}
    {{ adapter.dispatch('stop_with')(sentence) }}
{%- endmacro %}


{% macro default__stop_with(sentence) -%}
    error({{ sentence }})
{%- endmacro %}


{% macro spark__stop_with(sentence) -%}
    cast(raise_error({{ sentence }}) as string)
{%- endmacro %}


{# ---- lists and structs ------------------------------------------------------------------------------------------ #}

{% macro list_of_values(values) -%}
    {{ adapter.dispatch('list_of_values')(values) }}
{%- endmacro %}


{% macro default__list_of_values(values) -%}
    [{{ values | join(', ') }}]
{%- endmacro %}


{% macro spark__list_of_values(values) -%}
    array({{ values | join(', ') }})
{%- endmacro %}


{% macro struct_of(fields) -%}
    {#- A struct of {name: expression}. -#}
    {{ adapter.dispatch('struct_of')(fields) }}
{%- endmacro %}


{% macro default__struct_of(fields) -%}
    struct_pack(
        {%- for name, expression in fields.items() %}
        {{ name }} := {{ expression }}
        {{- ',' if not loop.last }}
        {%- endfor %}
    )
{%- endmacro %}


{% macro spark__struct_of(fields) -%}
    named_struct(
        {%- for name, expression in fields.items() %}
        '{{ name }}', {{ expression }}
        {{- ',' if not loop.last }}
        {%- endfor %}
    )
{%- endmacro %}


{% macro list_of_structs(fields, order_by) -%}
    {#- The rows of a group as one list of structs of {name: expression}, ordered by these expressions, null first. -#}
    {{ adapter.dispatch('list_of_structs')(fields, order_by) }}
{%- endmacro %}


{% macro default__list_of_structs(fields, order_by) -%}
    list(
        {{ struct_of(fields) | indent(4) }}
        order by {{ order_by | join(' nulls first, ') }} nulls first
    )
{%- endmacro %}


{% macro spark__list_of_structs(fields, order_by) -%}
    {%- set places = {} -%}
    {%- for expression in order_by -%}
        {%- do places.update({'place_' ~ loop.index: expression}) -%}
    {%- endfor -%}
    {%- do places.update({'content': struct_of(fields)}) -%}
    transform(sort_array(collect_list({{ struct_of(places) }})), placed -> placed.content)
{%- endmacro %}


{% macro list_of_structs_type(fields) -%}
    {#- The type of a list of structs of {name: type}. -#}
    {{ adapter.dispatch('list_of_structs_type')(fields) }}
{%- endmacro %}


{% macro default__list_of_structs_type(fields) -%}
    struct(
        {%- for name, type in fields.items() %}{{ name }} {{ type }}{{ ', ' if not loop.last }}{% endfor -%}
    )[]
{%- endmacro %}


{% macro spark__list_of_structs_type(fields) -%}
    array<struct<
        {%- for name, type in fields.items() %}{{ name }}: {{ type }}{{ ', ' if not loop.last }}{% endfor -%}
    >>
{%- endmacro %}


{% macro unnested(column) -%}
    {#- One row per struct of a list, its fields as columns, in a select list. None for an empty list or none. -#}
    {{ adapter.dispatch('unnested')(column) }}
{%- endmacro %}


{% macro default__unnested(column) -%}
    unnest({{ column }}, recursive := true)
{%- endmacro %}


{% macro spark__unnested(column) -%}
    inline({{ column }})
{%- endmacro %}


{% macro numbers_up_to(last) -%}
    {#- One row per whole number from 0 to the last, in a select list. -#}
    {{ adapter.dispatch('numbers_up_to')(last) }}
{%- endmacro %}


{% macro default__numbers_up_to(last) -%}
    unnest(range(cast({{ last }} as bigint) + 1))
{%- endmacro %}


{% macro spark__numbers_up_to(last) -%}
    explode(sequence(0, cast({{ last }} as int)))
{%- endmacro %}


{% macro bin_of(value, edges) -%}
    {#- The bin of a value, from 0: how many of the edges lie below it. -#}
    {{ adapter.dispatch('bin_of')(value, edges) }}
{%- endmacro %}


{% macro default__bin_of(value, edges) -%}
    len(list_filter({{ edges }}, lambda edge: edge < {{ value }}))
{%- endmacro %}


{% macro spark__bin_of(value, edges) -%}
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


{% macro in_order_of(expressions) -%}
    {#- What max_by and min_by compare: the first expression, and the next where it is the same. -#}
    {{ adapter.dispatch('in_order_of')(expressions) }}
{%- endmacro %}


{% macro default__in_order_of(expressions) -%}
    ({{ expressions | join(', ') }})
{%- endmacro %}


{% macro spark__in_order_of(expressions) -%}
    struct({{ expressions | join(', ') }})
{%- endmacro %}


{# ---- rows of the input ------------------------------------------------------------------------------------------ #}

{% macro as_input_text(column) -%}
    {#- A column of the input, whatever its type, as text. -#}
    {{ adapter.dispatch('as_input_text')(column) }}
{%- endmacro %}


{% macro default__as_input_text(column) -%}
    cast({{ column }} as string)
{%- endmacro %}


{% macro spark__as_input_text(column) -%}
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


{% macro numbered_by(expression) -%}
    {#- The number of a row, from 1, in the order of an expression. On Spark the order is lost: it would take all rows
        to one task. -#}
    {{ adapter.dispatch('numbered_by')(expression) }}
{%- endmacro %}


{% macro default__numbered_by(expression) -%}
    row_number() over (order by {{ expression }})
{%- endmacro %}


{% macro spark__numbered_by(expression) -%}
    {{ numbered_row(none) }}
{%- endmacro %}


{% macro numbered_row(location) -%}
    {#- The number of a row in its input, from 1. On Spark rows have no order: the numbers tell rows apart. -#}
    {{ adapter.dispatch('numbered_row')(location) }}
{%- endmacro %}


{% macro default__numbered_row(location) -%}
    {#- Numbering by a window keeps DuckDB to one thread for whatever reads the rows; one Parquet file knows the numbers
        of its rows. -#}
    {%- if location and is_parquet(location) and not is_pattern(location) -%}
    row_as_it_came.file_row_number + 1
    {%- else -%}
    row_number() over ()
    {%- endif -%}
{%- endmacro %}


{% macro spark__numbered_row(location) -%}
    monotonically_increasing_id() + 1
{%- endmacro %}


{% macro whole_row(relation) -%}
    {#- All columns of a relation in the query as one struct. -#}
    {{ adapter.dispatch('whole_row')(relation) }}
{%- endmacro %}


{% macro default__whole_row(relation) -%}
    {{ relation }}
{%- endmacro %}


{% macro spark__whole_row(relation) -%}
    struct({{ relation }}.*)
{%- endmacro %}


{% macro as_json(struct) -%}
    {{ adapter.dispatch('as_json')(struct) }}
{%- endmacro %}


{% macro default__as_json(struct) -%}
    cast(to_json({{ struct }}) as string)
{%- endmacro %}


{% macro spark__as_json(struct) -%}
    to_json({{ struct }}, map('ignoreNullFields', 'false'))
{%- endmacro %}
