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
