{% macro hash_share(text) -%}
    {#- A number from 0 up to but not including 1 that is the same for the same text on every engine: the first 13
        hexadecimal digits of its MD5 hash, which a double represents exactly, over 16^13. -#}
    {{ adapter.dispatch('hash_share')(text) }}
{%- endmacro %}


{% macro default__hash_share(text) -%}
    cast(cast(concat('0x', substr(md5({{ text }}), 1, 13)) as bigint) as double) / 4503599627370496
{%- endmacro %}


{% macro spark__hash_share(text) -%}
    cast(conv(substr(md5({{ text }}), 1, 13), 16, 10) as double) / 4503599627370496
{%- endmacro %}
