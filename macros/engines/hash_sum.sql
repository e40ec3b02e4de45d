{% macro hash_sum(hashes, version) -%}
    {#- A hash of the hashes in a group, independent of their order, and of a text. Unlike hash_agg, it also tells pairs
        of equal rows from other such pairs. -#}
    {{ adapter.dispatch('hash_sum')(hashes, version) }}
{%- endmacro %}


{% macro default__hash_sum(hashes, version) -%}
    hash({{ quote_literal(version) }}, sum({{ hashes }}))
{%- endmacro %}


{% macro spark__hash_sum(hashes, version) -%}
    xxhash64({{ quote_literal(version) }}, sum(cast({{ hashes }} as decimal(38, 0))))
{%- endmacro %}
