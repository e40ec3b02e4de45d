{#
    Sums of doubles depend on the order of the rows, and so on the number of threads. Results that feed the model are
    therefore summed as decimals, which is exact, and rounded to 12 significant digits, so that the same input gives the
    same bytes on any machine.
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
    {#- Spark prints a null as text, and one engine cannot print zero in this format. -#}
    case
        when {{ expression }} = 0 then cast(0 as double)
        else try_cast(printf('%.{{ digits - 1 }}e', {{ expression }}) as double)
    end
{%- endmacro %}


{% macro divide(numerator, denominator) -%}
    {#- A quotient as double; null if the denominator is zero. -#}
    cast({{ numerator }} as double) / nullif(cast({{ denominator }} as double), 0)
{%- endmacro %}


{% macro ratio(value, base) -%}
    {#- A value as a multiple of an average, or as a share of a total, as double; null if that is zero or negative,
        since a ratio to a negative number makes a low value look high. -#}
    {{ divide(value, 'greatest(' ~ base ~ ', 0)') }}
{%- endmacro %}


{% macro unscaled(value, scaling) -%}
    {#- A scaled value of a feature in the feature's own unit; `scaling` has its transform, center and scale. -#}
    case {{ scaling }}.transform
        when 'log1p' then exp({{ scaling }}.center + {{ scaling }}.scale * {{ value }}) - 1
        else {{ scaling }}.center + {{ scaling }}.scale * {{ value }}
    end
{%- endmacro %}


{% macro format_number(expression, decimals) -%}
    {#- A number for a sentence, rounded half up to a number of decimal places. DuckDB would round the stored double,
        and 0.145 is stored as slightly less. -#}
    cast(cast(cast({{ expression }} as decimal(38, 12)) as decimal(18, {{ decimals }})) as string)
{%- endmacro %}


{% macro band_name(expression, width) -%}
    {#- The band of a number, as text: with a width of 10, 1984 is in the band 1980 to 1989. -#}
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
    {#- The greatest or the least (which) of several columns; nulls are ignored. -#}
    {%- if names | length == 1 -%}
    {{ prefix }}{{ names[0] }}
    {%- else -%}
    {{ which }}({% for name in names %}{{ prefix }}{{ name }}{{ ', ' if not loop.last }}{% endfor %})
    {%- endif -%}
{%- endmacro %}


{% macro population_stability_index(share, expected) -%}
    {#- Population stability index of a distribution against an expected one, with one row per bin: the sum of
        (share - expected) * ln(share / expected) (Siddiqi 2006). Shares below 0.01 % count as 0.01 %. -#}
    {%- set now = 'greatest(' ~ share ~ ', 0.0001)' -%}
    {%- set before = 'greatest(' ~ expected ~ ', 0.0001)' -%}
    {{ round_significant(
        exact_sum('(' ~ now ~ ' - ' ~ before ~ ') * ln(' ~ now ~ ' / ' ~ before ~ ')'), 9
    ) }}
{%- endmacro %}
