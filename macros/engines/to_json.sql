{% macro to_json(struct) -%}
    {{ adapter.dispatch('to_json')(struct) }}
{%- endmacro %}


{% macro default__to_json(struct) -%}
    cast(to_json({{ struct }}) as string)
{%- endmacro %}


{% macro spark__to_json(struct) -%}
    {#- With timestamps as DuckDB writes them; Spark would leave out what is below a millisecond. -#}
    {%- set timestamp = 'yyyy-MM-dd HH:mm:ss.SSSSSS' -%}
    to_json(
        {{ struct }},
        map(
            'ignoreNullFields', 'false',
            'timestampFormat', '{{ timestamp }}x',
            'timestampNTZFormat', '{{ timestamp }}'
        )
    )
{%- endmacro %}
