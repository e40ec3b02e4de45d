{% macro hash_agg(text) -%}
    {#- A hash of the rows of a group, independent of their order. -#}
    {{ adapter.dispatch('hash_agg')(text) }}
{%- endmacro %}


{% macro default__hash_agg(text) -%}
    bit_xor(hash({{ text }}))
{%- endmacro %}


{% macro spark__hash_agg(text) -%}
    bit_xor(xxhash64({{ text }}))
{%- endmacro %}
