{#
    Sums of doubles depend on the order of the rows, and so on the number of threads. Where a result feeds the model it
    is summed as decimals, which is exact, and rounded to 12 significant digits, so that the same input gives the same
    bytes on any machine.
#}

{% macro exact_sum(expression) -%}
    cast(sum(cast({{ expression }} as decimal(38, 12))) as double)
{%- endmacro %}


{% macro round_significant(expression, digits=12) -%}
    {{ adapter.dispatch('round_significant')(expression, digits) }}
{%- endmacro %}


{% macro default__round_significant(expression, digits) -%}
    cast(printf('%.{{ digits - 1 }}e', {{ expression }}) as double)
{%- endmacro %}


{% macro spark__round_significant(expression, digits) -%}
    {#- Here a null is printed as a text, and one engine cannot print a zero like this. -#}
    case
        when {{ expression }} = 0 then cast(0 as double)
        else try_cast(printf('%.{{ digits - 1 }}e', {{ expression }}) as double)
    end
{%- endmacro %}


{% macro divide(numerator, denominator) -%}
    {#- A quotient as double; null where the denominator is zero. -#}
    cast({{ numerator }} as double) / nullif(cast({{ denominator }} as double), 0)
{%- endmacro %}


{% macro format_number(expression, decimals) -%}
    {#- A number in a sentence, rounded to a number of decimals, half up. DuckDB would round a double as it is stored,
        and 0.145 is stored as a little less. -#}
    cast(cast(cast({{ expression }} as decimal(38, 12)) as decimal(18, {{ decimals }})) as string)
{%- endmacro %}


{% macro band_name(expression, width) -%}
    {#- The band of a number, as text: 1984 in bands of 10 is 1980 to 1989. -#}
    {%- set start = 'cast(floor(' ~ expression ~ ' / ' ~ width ~ ') * ' ~ width ~ ' as bigint)' -%}
    {%- if width == 1 -%}
    cast({{ start }} as string)
    {%- elif width is integer -%}
    concat(cast({{ start }} as string), ' to ', cast({{ start }} + {{ width - 1 }} as string))
    {%- else -%}
    {%- set width = 'cast(' ~ width ~ ' as double)' -%}
    concat('from ', cast(cast(floor({{ expression }} / {{ width }}) as double) * {{ width }} as string))
    {%- endif -%}
{%- endmacro %}


{% macro greatest_or_least(which, names, prefix='') -%}
    {#- The greatest or the least (which) of several columns; nulls are left out. -#}
    {%- if names | length == 1 -%}
    {{ prefix }}{{ names[0] }}
    {%- else -%}
    {{ which }}({% for name in names %}{{ prefix }}{{ name }}{{ ', ' if not loop.last }}{% endfor %})
    {%- endif -%}
{%- endmacro %}


{% macro population_stability_index(share, expected) -%}
    {#- Population stability index of a distribution against an expected one, row by row of its bins: the sum of
        (share - expected) * ln(share / expected) (Siddiqi 2006). A bin that is empty counts as 0.01 %. -#}
    {%- set now = 'greatest(' ~ share ~ ', 0.0001)' -%}
    {%- set before = 'greatest(' ~ expected ~ ', 0.0001)' -%}
    {{ round_significant(
        exact_sum('(' ~ now ~ ' - ' ~ before ~ ') * ln(' ~ now ~ ' / ' ~ before ~ ')'), 9
    ) }}
{%- endmacro %}
