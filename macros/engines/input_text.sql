{% macro input_text(column) -%}
    {#- A column of the input, whatever its type, as text. -#}
    {{ adapter.dispatch('input_text')(column) }}
{%- endmacro %}


{% macro default__input_text(column) -%}
    cast({{ column }} as string)
{%- endmacro %}


{% macro spark__input_text(column) -%}
    {#- As DuckDB writes it. A timestamp with time zone gets the offset of the session's time zone, which is UTC. A
        whole number stored as a float, as ids are in a column with missing values, is written with all its digits, not
        as 1.785012E7. -#}
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
