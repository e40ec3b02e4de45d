{# Parsing of texts. A text that cannot be read becomes null, and a rule rejects the row. #}

{% macro clean_text(column) -%}
    {#- A text without leading and trailing white space (spaces, tabs, line breaks, non-breaking spaces and byte order
        marks); null if nothing is left. -#}
    nullif(
        {{ trim_characters(column, "concat(' ', chr(9), chr(10), chr(13), '\u00a0\u202f\ufeff')") }}, ''
    )
{%- endmacro %}


{% macro is_return_value(column) -%}
    {#- Whether a return flag has one of the values in return_flag_values, ignoring case. -#}
    {%- if setting('return_flag_values') -%}
    coalesce(
        lower({{ column }}) in (
            {%- for value in setting('return_flag_values') -%}
            {{ quote_literal(value | string | lower) }}{{ ', ' if not loop.last }}
            {%- endfor -%}
        ),
        false
    )
    {%- else -%}
    false
    {%- endif -%}
{%- endmacro %}


{% macro clean_id(column) -%}
    {#- An id without surrounding white space. 17850.0 becomes 17850 only if ids_are_whole_numbers is true. -#}
    {%- if setting('ids_are_whole_numbers') -%}
    {{ regexp_replace(clean_text(column), '^([0-9]+)[.]0+$', '\\1') }}
    {%- else -%}
    {{ clean_text(column) }}
    {%- endif -%}
{%- endmacro %}


{% macro comparable_id(column) -%}
    {#- An id as it is compared where it is unknown as written: in lower case, without leading zeros and a trailing
        .0. -#}
    {{ regexp_replace('lower(' ~ column ~ ')', '^0+|[.]0+$', '') }}
{%- endmacro %}


{% macro parse_date(column) -%}
    {#- The calendar day of a date or timestamp. One that begins with the year (2024-12-31, 2024-12-31T10:00:00+01:00,
        20241231) is read regardless of the setting date_format. Years have four digits, from 1900 on. -#}
    {{ adapter.dispatch('parse_date')(column) }}
{%- endmacro %}


{% macro default__parse_date(column) -%}
    {%- set formats = {
        'iso': [],
        'day_first': ['%d/%m/%Y', '%d.%m.%Y', '%d-%m-%Y'],
        'month_first': ['%m/%d/%Y', '%m.%d.%Y', '%m-%d-%Y'],
    }[setting('date_format')] -%}
    {%- set times = ['', ' %H:%M', ' %H:%M:%S', ' %H:%M:%S.%f', ' %I:%M %p', ' %I:%M:%S %p'] -%}
    {%- set zone = setting('time_zone') -%}
    {#- A space before the offset is common, but DuckDB cannot parse it. -#}
    {%- set with_offset = regexp_replace(column, ' (Z|[+-][0-9:]+)$', '\\1') -%}
    case
        when not left({{ column }}, 1) between '0' and '9' then null
        {%- if zone is not none %}
        when regexp_matches({{ column }}, ':[0-9.]+ ?(Z|[+-][0-9]{2}(:?[0-9]{2})?)$')
            then {{ from_1900(
                'cast(try_cast(' ~ with_offset ~ ' as timestamptz) at time zone ' ~ quote_literal(zone) ~ ' as date)'
            ) }}
        {%- endif %}
        else coalesce(
            {{ from_1900('try_cast(' ~ column ~ ' as date)') }},
            {%- if formats %}
            {{ from_1900(
                'cast(try_strptime(' ~ column ~ ', ' ~ every_pair(formats, times) ~ ') as date)'
            ) }},
            {%- endif %}
            case
                when length({{ column }}) = 8
                    then {{ from_1900('cast(try_strptime(' ~ column ~ ", '%Y%m%d') as date)") }}
            end
        )
    end
{%- endmacro %}


{% macro spark__parse_date(column) -%}
    {#- Spark reads any text that begins with a year as a date, so patterns check the text first. They require a year
        from 1900 on, because Spark would evaluate the date again for each comparison. -#}
    {%- set offset = ' ?(Z|[+-][0-9]{2}(:?[0-9]{2})?)' -%}
    {%- set seconds = ':[0-5][0-9](:[0-5][0-9]([.][0-9]+)?)?' -%}
    {%- set time = '([ T]([01]?[0-9]|2[0-3])' ~ seconds ~ '(' ~ offset ~ ')?)?' -%}
    {%- set time_of_day = '( ([01]?[0-9]|2[0-3])' ~ seconds ~ '| (0?[1-9]|1[0-2])' ~ seconds ~ ' [AaPp][Mm])?' -%}
    {%- set two, year = '[0-9]{1,2}', '(19|[2-9][0-9])[0-9]{2}' -%}
    {%- set after_year = '(-' ~ two ~ '-|/' ~ two ~ '/| ' ~ two ~ ' )' ~ two ~ time -%}
    {%- set year_last = two ~ '(/' ~ two ~ '/|[.]' ~ two ~ '[.]|-' ~ two ~ '-)' ~ year ~ time_of_day -%}
    {%- set zone = setting('time_zone') -%}
    case
        {%- if zone is not none %}
        when
            {{ regexp_full_match(column, '[0-9]{4}' ~ after_year) }}
            and {{ regexp_full_match(column, '.*:[0-9.]+' ~ offset) }}
            then {{ from_1900(
                'cast(from_utc_timestamp(try_cast(' ~ regexp_replace(column, ' (Z|[+-][0-9:]+)$', '\\1')
                ~ ' as timestamp), ' ~ quote_literal(zone) ~ ') as date)'
            ) }}
        {%- endif %}
        when {{ regexp_full_match(column, year ~ after_year) }}
            then {{ date_of_parts(column, '^([0-9]+)[-/ ]([0-9]+)[-/ ]([0-9]{1,2}).*$', [1, 2, 3]) }}
        {%- if setting('date_format') != 'iso' %}
        when {{ regexp_full_match(column, year_last) }}
            then {{ date_of_parts(
                column, '^([0-9]+)[-./]([0-9]+)[-./]([0-9]+).*$',
                [3, 2, 1] if setting('date_format') == 'day_first' else [3, 1, 2]
            ) }}
        {%- endif %}
        when {{ regexp_full_match(column, year ~ '[0-9]{4}') }}
            then {{ date_of_parts(column, '^([0-9]{4})([0-9]{2})([0-9]{2})$', [1, 2, 3]) }}
    end
{%- endmacro %}


{% macro date_of_parts(column, pattern, places) -%}
    {#- The date whose year, month and day are these groups of a pattern; null if the date does not exist. -#}
    try_cast({{ regexp_replace(column, pattern, '\\' ~ places | join('-\\')) }} as date)
{%- endmacro %}


{% macro from_1900(date) -%}
    case
        when {{ date }} between cast('1900-01-01' as date) and cast('9999-12-31' as date) then {{ date }}
    end
{%- endmacro %}


{% macro every_pair(heads, tails) %}
    {%- set pairs = [] -%}
    {%- for head in heads -%}{%- for tail in tails -%}{%- do pairs.append(quote_literal(head ~ tail)) -%}{%- endfor -%}
    {%- endfor -%}
    {%- do return('[' ~ pairs | join(', ') ~ ']') -%}
{% endmacro %}


{% macro parse_decimal(column, type) -%}
    {#- A number in the notation of the setting decimal_mark. Thousands may be grouped by the other mark, a space or an
        apostrophe, but only in threes: 1,50 is not 150. -#}
    {%- set mark = setting('decimal_mark') -%}
    {%- set group = "[' " ~ ('.' if mark == ',' else ',') ~ '\u00a0\u202f]' -%}
    {#- A number uses one grouping mark throughout: 1 234,567 is not 1234567. -#}
    {%- set marks = ["'", ' ', ('[.]' if mark == ',' else ','), '\u00a0', '\u202f'] -%}
    {%- set groups = [] -%}
    {%- for one in marks -%}{%- do groups.append('(' ~ one ~ '[0-9]{3})+') -%}{%- endfor -%}
    {%- set grouped = '[+-]?[0-9]{1,3}(' ~ groups | join('|') ~ ')([' ~ mark ~ '][0-9]+)?' -%}
    {#- DuckDB casts 4.459e16 to decimal(18, 2) although the type cannot hold it. -#}
    {%- set most = {'decimal(18, 2)': 16, 'decimal(18, 3)': 15, 'decimal(18, 6)': 12, 'decimal(38, 12)': 26}[type] -%}
    {%- set scale = {'decimal(18, 2)': 2, 'decimal(18, 3)': 3, 'decimal(18, 6)': 6, 'decimal(38, 12)': 12}[type] -%}
    case
        {%- if mark == '.' %}
        when
            {{ casts_as_written(column) }}
            and abs(try_cast({{ column }} as {{ type }})) <= cast('{{ '9' * most }}.{{ '9' * scale }}' as {{ type }})
            then try_cast({{ column }} as {{ type }})
        when {{ regexp_full_match(column, grouped) }}
            then try_cast({{ regexp_replace(column, group, '') }} as {{ type }})
        {%- else %}
        when {{ regexp_full_match(column, '[+-]?([0-9]+(,[0-9]*)?|,[0-9]+)') }}
            then try_cast(replace({{ column }}, ',', '.') as {{ type }})
        when {{ regexp_full_match(column, grouped) }}
            then try_cast(
                replace({{ regexp_replace(column, group, '') }}, ',', '.') as {{ type }}
            )
        {%- endif %}
    end
{%- endmacro %}


{% macro may_have_decimals_beyond(column, places) -%}
    {#- Whether the text of a number has so many decimals that it may be rounded to these places; false for most texts,
        which then need not be read with more decimals. -#}
    (
        position('{{ setting('decimal_mark') }}' in {{ column }}) between 1 and length({{ column }}) - {{ places + 1 }}
        or position('e' in {{ column }}) > 0
        or position('E' in {{ column }}) > 0
    )
{%- endmacro %}


{% macro parse_double(column) -%}
    {#- A number with a decimal point, as double. The pattern rejects texts that only some engines accept as numbers:
        1_000, 5f, nan. -#}
    case
        when {{ regexp_full_match(column, '[+-]?([0-9]+([.][0-9]*)?|[.][0-9]+)([eE][+-]?[0-9]+)?') }}
            then try_cast({{ column }} as double)
    end
{%- endmacro %}


{% macro run_date() -%}
    {#- The day of the run on this machine. Only the checks for dates in the future and for stale transactions use
        it. -#}
    cast('{{ modules.datetime.datetime.now().date() }}' as date)
{%- endmacro %}


{% macro failed_rules(rules) -%}
    {#- The names of the rules whose conditions hold, in the order given, as one text; null if none holds. For most rows
        none does, and no text is put together. -#}
    case
        when ({{ rules.values() | join(') or (') }})
            then concat_ws(
                ', '
                {%- for name, condition in rules.items() %},
                {%- do catalogued_rule(name) %}
                case when {{ condition }} then '{{ name }}' end
                {%- endfor %}
            )
    end
{%- endmacro %}


{% macro rejected_rows() -%}
    {#- A query that follows the CTEs checked and input_rows: the rows that break a rule, as they came. -#}
select
    checked.input_row,
    split_part(checked.failed_rules, ', ', 1) as first_failed_rule,
    checked.failed_rules,
    {{ to_json('input_rows.raw_row') }} as raw_row
from checked
inner join input_rows
    on checked.input_row = input_rows.input_row
where checked.failed_rules is not null
{%- endmacro %}
