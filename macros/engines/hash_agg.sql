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
