{% macro input_text(column) -%}
    {#- A column of the input, whatever its type, as text. -#}
    {{ adapter.dispatch('input_text')(column) }}
{%- endmacro %}


{% macro default__input_text(column) -%}
    cast({{ column }} as string)
{%- endmacro %}


{% macro spark__input_text(column) -%}
    {#- As DuckDB writes it. A timestamp with time zone gets the offset of the session's time zone, which is UTC. -#}
    {%- set text = 'cast(' ~ column ~ ' as string)' -%}
    case
        when typeof({{ column }}) = 'timestamp' then concat({{ text }}, '+00')
        when typeof({{ column }}) in ('double', 'float') then {{ text_of_double('lower(' ~ text ~ ')') }}
        else {{ text }}
    end
{%- endmacro %}


{% macro text_of_double(text) -%}
    {#- What DuckDB writes for what Spark writes, in lower case: 1.2345678e7 is 12345678.0, 5.0e-4 is 0.0005. Both write
        an exponent from 1e+16 on and below 0.0001, and 1.0e16 is 1e+16 there, 2.5e-5 is 2.5e-05. -#}
    {%- set short = regexp_replace(text, '([.]0)?e', 'e') -%}
    {%- set signed = regexp_replace(short, 'e([0-9])', 'e+\\1') -%}
    case
        when {{ regexp_full_match(text, '.*e(-[1-4]|[0-9]|1[0-5])') }}
            then {{ regexp_replace(
                'cast(try_cast(' ~ text ~ ' as decimal(38, 21)) as string)', '([.][0-9]+?)0*$', '\\1'
            ) }}
        else replace({{ regexp_replace(signed, 'e-([0-9])$', 'e-0\\1') }}, 'infinity', 'inf')
    end
{%- endmacro %}
