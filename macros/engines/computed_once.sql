{% macro computed_once() -%}
    {#- A condition that is always true and keeps a CTE apart on Spark. There, the query of a CTE takes the place of
        each reference to it, and its expressions grow into those around it, unless its rows could be others each time.
        What the CTE finds is shuffled once more. DuckDB computes a CTE once anyway. -#}
    {{ return('true' if computes_ctes_once() else 'rand() >= 0') }}
{%- endmacro %}
