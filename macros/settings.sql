{#
    Settings are the vars of dbt_project.yml. dbt takes any name and any value for a var and never says a word, so each
    one has a rule here. `setting()` is how models read a var; `check_settings()` runs before any work.
#}

{% macro setting_rules() %}
    {% do return({
        'transactions_location': {'type': 'text', 'nullable': true},
        'transactions_columns': {'type': 'mapping', 'keys': input_columns('transactions')},
        'customers_location': {'type': 'text', 'nullable': true},
        'customers_columns': {'type': 'mapping', 'keys': input_columns('customers')},
        'attach_databases': {'type': 'mapping'},
        'csv_delimiter': {'type': 'text', 'length': 1},
        'as_of_date': {'type': 'date', 'nullable': true},
        'earliest_signup_date': {'type': 'date'},
        'features': {'type': 'list', 'among': available_features()},
        'transforms': {
            'type': 'mapping', 'keys': available_features(), 'among': ['none', 'log1p']
        },
        'k_min': {'type': 'integer', 'at_least': 2, 'at_most': 100},
        'k_max': {'type': 'integer', 'at_least': 2, 'at_most': 100},
        'k': {'type': 'integer', 'at_least': 1, 'at_most': 100, 'nullable': true},
        'seed': {'type': 'integer', 'at_least': 0, 'at_most': 4294967295},
        'starts': {'type': 'integer', 'at_least': 1, 'at_most': 100000},
        'silhouette_exact_up_to': {'type': 'integer', 'at_least': 0, 'at_most': 1000000},
        'silhouette_sample_size': {'type': 'integer', 'at_least': 100, 'at_most': 1000000},
        'min_segment_share': {'type': 'number', 'at_least': 0, 'at_most': 0.5},
        'min_segment_size': {'type': 'integer', 'at_least': 1, 'at_most': 1000000000},
        'require_admissible_k': {'type': 'boolean'},
    }) %}
{% endmacro %}


{% macro setting(name) %}
    {#- The value of a setting, checked. Models call this instead of var(). -#}
    {%- set rule = setting_rules()[name] -%}
    {%- set value = var(name) -%}
    {%- set problem = setting_problem(rule, value) -%}
    {%- if problem -%}{%- do refuse_setting(name, value, problem) -%}{%- endif -%}
    {%- do return(value) -%}
{% endmacro %}


{% macro refuse_setting(name, value, problem) %}
    {%- do exceptions.raise_compiler_error(
        "Setting '" ~ name ~ "' is " ~ tojson(value, value | string) ~ "; " ~ problem
        ~ ". Change it under vars in dbt_project.yml or in --vars."
    ) -%}
{% endmacro %}


{% macro setting_problem(rule, value) %}
    {#- What is wrong with a value, as the second half of a sentence; none where it is right. -#}
    {%- set type = rule.type -%}
    {%- if value is none -%}
        {%- do return(none if rule.get('nullable') else 'it must not be empty') -%}
    {%- endif -%}
    {%- if type in ('integer', 'number') -%}
        {%- set right = (value is integer) if type == 'integer' else (value is number and value is not boolean) -%}
        {%- set bounds = (
            ('a whole number' if type == 'integer' else 'a number')
            ~ ' from ' ~ rule.at_least ~ ' to ' ~ rule.at_most
        ) -%}
        {%- if not right or value < rule.at_least or value > rule.at_most -%}
            {%- do return('it must be ' ~ bounds) -%}
        {%- endif -%}
    {%- elif type == 'boolean' and value is not boolean -%}
        {%- do return('it must be true or false') -%}
    {%- elif type == 'text' -%}
        {%- if value is not string or value | trim == '' and rule.get('length') is none -%}
            {%- do return('it must be a text') -%}
        {%- elif rule.get('length') and value | length != rule.length -%}
            {%- do return('it must be ' ~ rule.length ~ ' character long') -%}
        {%- endif -%}
    {%- elif type == 'date' -%}
        {%- if not is_iso_date(value | string) -%}
            {%- do return('it must be a date such as 2024-12-31') -%}
        {%- endif -%}
    {%- elif type == 'list' -%}
        {%- if value is string or value is mapping or value is not sequence or value | length == 0 -%}
            {%- do return('it must be a list of at least one of ' ~ rule.among | join(', ')) -%}
        {%- endif -%}
        {%- for item in value -%}
            {%- if item not in rule.among -%}
                {%- do return("'" ~ item ~ "' is unknown; allowed are " ~ rule.among | join(', ')) -%}
            {%- elif value | select('equalto', item) | list | length > 1 -%}
                {%- do return("'" ~ item ~ "' stands in it twice") -%}
            {%- endif -%}
        {%- endfor -%}
    {%- elif type == 'mapping' -%}
        {%- if value is not mapping -%}
            {%- do return('it must be a mapping such as {' ~ (rule.get('keys') or ['name'])[0] ~ ': ...}') -%}
        {%- endif -%}
        {%- for key, item in value.items() -%}
            {%- if rule.get('keys') and key not in rule['keys'] -%}
                {%- do return("'" ~ key ~ "' is unknown; allowed are " ~ rule['keys'] | join(', ')) -%}
            {%- elif rule.get('among') and item not in rule.among -%}
                {%- do return("'" ~ item ~ "' is unknown; allowed are " ~ rule.among | join(', ')) -%}
            {%- elif item is not none and item is not string -%}
                {%- do return("the value of '" ~ key ~ "' must be a text") -%}
            {%- endif -%}
        {%- endfor -%}
    {%- endif -%}
    {%- do return(none) -%}
{% endmacro %}


{% macro is_iso_date(text) %}
    {%- if not modules.re.match('^[0-9]{4}-(0[1-9]|1[0-2])-(0[1-9]|[12][0-9]|3[01])$', text) -%}
        {%- do return(false) -%}
    {%- endif -%}
    {#- The day must exist: 2024-02-30 does not. -#}
    {%- set year, month, day = text[:4] | int, text[5:7] | int, text[8:] | int -%}
    {%- set leap = year % 4 == 0 and (year % 100 != 0 or year % 400 == 0) -%}
    {%- set days = [31, 29 if leap else 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31][month - 1] -%}
    {%- do return(year > 0 and day <= days) -%}
{% endmacro %}


{% macro check_settings() %}
    {#- Unknown names, wrong values, and values that contradict each other. -#}
    {%- set rules = setting_rules() -%}
    {%- set given = (invocation_args_dict.get('vars') or {}).keys() | list + project_file_vars() -%}
    {%- for name in given -%}
        {%- if name not in rules and name != project_name -%}
            {%- do exceptions.raise_compiler_error(
                "Setting '" ~ name ~ "' is unknown; the settings are " ~ rules.keys() | sort | join(', ')
                ~ ". Change it under vars in dbt_project.yml or in --vars."
            ) -%}
        {%- endif -%}
    {%- endfor -%}
    {%- for name in rules -%}{%- do setting(name) -%}{%- endfor -%}
    {%- if setting('k_min') > setting('k_max') -%}
        {%- do refuse_setting('k_min', var('k_min'), 'it must not be above k_max, which is ' ~ var('k_max')) -%}
    {%- endif -%}
    {%- set k = setting('k') -%}
    {%- if k is not none and k != 1 and not var('k_min') <= k <= var('k_max') -%}
        {%- do refuse_setting(
            'k', k, 'it must be 1, or within k_min and k_max, which are ' ~ var('k_min') ~ ' and ' ~ var('k_max')
        ) -%}
    {%- endif -%}
    {%- if 'total_quantity' in setting('features') and not input_mapping('transactions').get('quantity') -%}
        {%- do refuse_setting(
            'features', var('features'),
            'total_quantity needs a quantity, and transactions_columns names no column for it'
        ) -%}
    {%- endif -%}
{% endmacro %}


{% macro project_file_vars() %}
    {#- The names under vars in dbt_project.yml. dbt shows a macro only the vars that it asks for by name, so the file
        is read. An engine that cannot read a local file leaves this half of the check to the tests. -#}
    {%- if not execute or target.type != 'duckdb' -%}{%- do return([]) -%}{%- endif -%}
    {%- set folder = invocation_args_dict.get('project_dir') or '.' -%}
    {%- set text = run_query(
        'select content from read_text(' ~ quote_text(folder ~ '/dbt_project.yml') ~ ')'
    ).columns[0].values()[0] -%}
    {%- do return((fromyaml(text).get('vars') or {}).keys() | list) -%}
{% endmacro %}
