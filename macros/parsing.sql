{# From text to types. A text that cannot be read gives null, and the row is rejected with its reason. #}

{% macro clean_text(column) -%}
    {#- Without the blanks around it; null where nothing is left. -#}
    nullif(trim({{ column }}), '')
{%- endmacro %}


{% macro parse_date(column) -%}
    {#- The calendar day of an ISO date or timestamp (2024-12-31, 2024-12-31T10:00:00, 20241231). -#}
    coalesce(
        try_cast({{ column }} as date),
        cast(try_strptime({{ column }}, '%Y%m%d') as date)
    )
{%- endmacro %}


{% macro parse_decimal(column, type) -%}
    try_cast({{ column }} as {{ type }})
{%- endmacro %}


{% macro run_date() -%}
    {#- The day of the run on this machine. Only rejects of dates in the future depend on it. -#}
    cast('{{ modules.datetime.datetime.now().date() }}' as date)
{%- endmacro %}


{% macro failed_rules(rules) -%}
    {#- The names of the rules whose condition holds, in the order given, as one text; null where none does. -#}
    nullif(
        concat_ws(
            ', '
            {%- for name, condition in rules.items() %},
            case when {{ condition }} then '{{ name }}' end
            {%- endfor %}
        ),
        ''
    )
{%- endmacro %}
