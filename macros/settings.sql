{#
    Settings are the vars of dbt_project.yml. dbt accepts any name and any value of a var without a warning, so each
    setting has a rule here. `setting()` is how models read a var; `check_settings()` runs before any work.
#}

{% macro setting_rules() %}
    {% do return({
        'transactions_location': {'type': 'text', 'nullable': true},
        'transactions_columns': {'type': 'mapping', 'keys': 'transactions'},
        'transaction_attributes': {'type': 'mapping', 'keys': [], 'allows_names': true},
        'customers_location': {'type': 'text', 'nullable': true},
        'customers_columns': {'type': 'mapping', 'keys': 'customers', 'allows_names': true},
        'attach_databases': {'type': 'mapping'},
        'csv_delimiter': {'type': 'text', 'length': 1, 'pattern': '[^"\\r\\n]', 'such_as': ', or ; or a tab'},
        'csv_encoding': {'type': 'text', 'among': ['utf-8', 'utf-16', 'latin-1', 'windows-1252']},
        'decimal_mark': {'type': 'text', 'among': ['.', ',']},
        'date_format': {'type': 'text', 'among': ['iso', 'day_first', 'month_first']},
        'time_zone': {'type': 'text', 'nullable': true},
        'ids_are_whole_numbers': {'type': 'boolean'},
        'excluded_lines': {'type': 'mapping', 'of_lists': true},
        'unique_key': {
            'type': 'list', 'may_be_empty': true,
            'among': [
                'transaction_id', 'line_id', 'customer_id', 'transaction_date', 'quantity', 'amount', 'currency',
            ],
        },
        'return_flag_values': {'type': 'list', 'may_be_empty': true},
        'return_id_prefix': {'type': 'text', 'nullable': true},
        'rejected_share_warn': {'type': 'number', 'at_least': 0, 'at_most': 1},
        'rejected_share_error': {'type': 'number', 'at_least': 0, 'at_most': 1},
        'row_count_drop_warn': {'type': 'number', 'at_least': 0, 'at_most': 1},
        'stale_after_days': {
            'type': 'integer', 'at_least': 0, 'at_most': 100000, 'nullable': true
        },
        'as_of_date': {'type': 'date', 'nullable': true},
        'earliest_signup_date': {'type': 'date'},
        'observation_window_days': {
            'type': 'integer', 'at_least': 1, 'at_most': 100000, 'nullable': true
        },
        'playbook_tables': {
            'type': 'mapping',
            'keys': [
                'segment_rules', 'segment_conditions', 'segment_descriptions', 'segment_playbook', 'segment_overrides',
            ],
        },
        'features': {'type': 'list', 'among': 'features'},
        'transforms': {'type': 'mapping', 'keys': 'features', 'among': ['none', 'log1p']},
        'winsorize': {'type': 'number', 'at_least': 0.5, 'at_most': 1, 'nullable': true},
        'skew_warn': {'type': 'number', 'at_least': 0, 'at_most': 1000000},
        'allow_empty_transactions': {'type': 'boolean'},
        'tenure_from': {'type': 'text', 'among': ['earliest', 'signup', 'first_purchase']},
        'quiet_after_intervals': {'type': 'number', 'at_least': 0.1, 'at_most': 1000},
        'attribute_bands': {'type': 'mapping', 'of_numbers': true},
        'history_format': {'type': 'text', 'among': ['parquet', 'iceberg', 'delta', 'none']},
        'disabled_marts': {'type': 'list', 'may_be_empty': true, 'among': 'marts'},
        'min_cell_size': {'type': 'integer', 'at_least': 1, 'at_most': 1000000},
        'suppressions_location': {'type': 'text', 'nullable': true},
        'suppressions_columns': {'type': 'mapping', 'keys': 'suppressions'},
        'holdout_share': {'type': 'number', 'at_least': 0, 'at_most': 0.9},
        'holdout_salt': {'type': 'text'},
        'contact_limit': {'type': 'integer', 'at_least': 1, 'at_most': 1000, 'nullable': true},
        'contact_period_days': {'type': 'integer', 'at_least': 1, 'at_most': 100000},
        'action_repeat_days': {'type': 'integer', 'at_least': 0, 'at_most': 100000},
        'result_horizons': {'type': 'list', 'of_days': true, 'at_most_items': 3},
        'audience_columns': {'type': 'list', 'may_be_empty': true},
        'contacts_location': {'type': 'text', 'nullable': true},
        'contacts_columns': {'type': 'mapping', 'keys': ['customer_id', 'email', 'phone']},
        'contacts_country': {'type': 'text', 'nullable': true, 'pattern': '^[A-Z][A-Z]$', 'such_as': 'DE'},
        'k_min': {'type': 'integer', 'at_least': 2, 'at_most': 100},
        'k_max': {'type': 'integer', 'at_least': 2, 'at_most': 100},
        'k': {'type': 'integer', 'at_least': 1, 'at_most': 100, 'nullable': true},
        'seed': {'type': 'integer', 'at_least': 0, 'at_most': 4294967295},
        'starts': {'type': 'integer', 'at_least': 1, 'at_most': 100000},
        'search_sample_size': {'type': 'integer', 'at_least': 100, 'at_most': 10000000},
        'silhouette_exact_up_to': {'type': 'integer', 'at_least': 0, 'at_most': 1000000},
        'silhouette_sample_size': {'type': 'integer', 'at_least': 100, 'at_most': 1000000},
        'min_segment_share': {'type': 'number', 'at_least': 0, 'at_most': 0.5},
        'min_segment_size': {'type': 'integer', 'at_least': 1, 'at_most': 1000000000},
        'require_admissible_k': {'type': 'boolean'},
        'validation_sample_size': {'type': 'integer', 'at_least': 100, 'at_most': 1000000},
        'refit_sample_size': {'type': 'integer', 'at_least': 100, 'at_most': 1000000},
        'stability_refits': {'type': 'integer', 'at_least': 0, 'at_most': 10000},
        'gap_references': {'type': 'integer', 'at_least': 0, 'at_most': 10000},
        'second_opinion': {'type': 'boolean'},
        'second_opinion_sample_size': {'type': 'integer', 'at_least': 100, 'at_most': 1000000},
        'stability_required': {'type': 'number', 'at_least': 0, 'at_most': 1},
        'separated_share_required': {'type': 'number', 'at_least': 0, 'at_most': 1},
        'model_id': {'type': 'text', 'nullable': true},
        'min_key_overlap': {'type': 'number', 'at_least': 0, 'at_most': 1},
        'value_horizon_days': {'type': 'integer', 'at_least': 1, 'at_most': 3650},
        'value_sample_size': {'type': 'integer', 'at_least': 0, 'at_most': 10000000},
        'drift_psi_warn': {'type': 'number', 'at_least': 0, 'at_most': 1000},
        'drift_distance_warn': {'type': 'number', 'at_least': 0, 'at_most': 1000},
        'drift_outliers_warn': {'type': 'number', 'at_least': 0, 'at_most': 1},
        'report_locale': {'type': 'text'},
        'report_currency': {'type': 'text', 'length': 3, 'nullable': true},
        'report_customers': {'type': 'integer', 'at_least': 0, 'at_most': 10000000},
        'report_ids': {'type': 'boolean'},
        'memory_limit': {
            'type': 'text', 'nullable': true, 'pattern': '^[1-9][0-9]*(\\.[0-9]+)? ?([KMGT]i?B)$',
            'such_as': '8GB or 512MB'
        },
        'threads': {'type': 'integer', 'at_least': 1, 'at_most': 1024, 'nullable': true},
        'publications_kept': {'type': 'integer', 'at_least': 1, 'at_most': 1000},
        'publication_storage_version': {
            'type': 'text', 'among': ['v1.2.0', 'v1.3.0', 'v1.4.0', 'v1.5.0', 'v2.0.0', 'latest']
        },
    }) %}
{% endmacro %}


{% macro allowed_names(names) %}
    {#- The names that a rule calls by this word. Only a setting with such a rule puts them together, as models ask for
        settings some hundred times. -#}
    {%- if names == 'features' -%}{%- do return(available_features() + attribute_names()) -%}{%- endif -%}
    {%- if names == 'marts' -%}{%- do return(optional_marts()) -%}{%- endif -%}
    {%- do return(input_columns(names) + (transaction_attribute_names() if names == 'transactions' else [])) -%}
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
        "Setting '" ~ name ~ "' is " ~ tojson(value, value | string) ~ "; " ~ problem ~ ". " ~ where_settings_are()
    ) -%}
{% endmacro %}


{% macro setting_problem(rule, value) %}
    {#- What is wrong with a value, as the second half of a message; none if it is valid. -#}
    {%- if value is none -%}
        {%- do return(none if rule.get('nullable') else 'it must not be empty') -%}
    {%- endif -%}
    {%- set type = rule.type -%}
    {%- set keys = allowed_names(rule['keys']) if rule.get('keys') is string else rule.get('keys') -%}
    {%- set among = allowed_names(rule.among) if rule.get('among') is string else rule.get('among') -%}
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
            {%- do return('it must be text') -%}
        {%- elif rule.get('length') and value | length != rule.length -%}
            {%- set characters = ' character' if rule.length == 1 else ' characters' -%}
            {%- do return('it must be ' ~ rule.length ~ characters ~ ' long') -%}
        {%- elif among and value not in among -%}
            {%- do return('it must be one of ' ~ among | join(' ')) -%}
        {%- elif rule.get('pattern') and not modules.re.match(rule.pattern, value) -%}
            {%- do return('it must have the form ' ~ rule.such_as) -%}
        {%- endif -%}
    {%- elif type == 'date' -%}
        {%- if not is_iso_date(value | string) -%}
            {%- do return('it must be a date such as 2024-12-31') -%}
        {%- endif -%}
    {%- elif type == 'list' -%}
        {%- set is_list = value is sequence and value is not string and value is not mapping -%}
        {%- if not is_list or (value | length == 0 and not rule.get('may_be_empty')) -%}
            {%- do return(
                'it must be a list' ~ (' of at least one of ' ~ among | join(', ') if among else '')
            ) -%}
        {%- endif -%}
        {%- for item in value -%}
            {%- if item is mapping or item is none or (item is sequence and item is not string) -%}
                {%- do return('each of its items must be text or a number') -%}
            {%- elif item is boolean -%}
                {%- do return('its item ' ~ tojson(item) ~ ' is not text; ' ~ booleans_of_yaml()) -%}
            {%- elif among and item not in among -%}
                {%- do return("'" ~ item ~ "' is unknown; allowed are " ~ among | join(', ')) -%}
            {%- elif rule.get('at_most_items') and value | length > rule.at_most_items -%}
                {%- do return('it must have at most ' ~ rule.at_most_items ~ ' items') -%}
            {%- elif rule.get('of_days') and (item is not integer or item is boolean or not 1 <= item <= 3650) -%}
                {%- do return('each of its items must be a number of days from 1 to 3650') -%}
            {%- elif value | select('equalto', item) | list | length > 1 -%}
                {%- do return("'" ~ item ~ "' is listed more than once") -%}
            {%- endif -%}
        {%- endfor -%}
    {%- elif type == 'mapping' -%}
        {%- if value is not mapping -%}
            {%- do return('it must be a mapping such as {' ~ (keys or ['name'])[0] ~ ': ...}') -%}
        {%- endif -%}
        {%- for key, item in value.items() -%}
            {%- if rule.get('allows_names') and key not in keys -%}
                {%- if modules.re.match('^sign_?(up|in)', key) -%}
                    {%- do return("'" ~ key ~ "' is not a valid attribute name; did you mean signup_date?") -%}
                {%- endif -%}
                {%- if key in reserved_words() -%}
                    {%- do return(
                        "'" ~ key ~ "' is a word of SQL and cannot be the name of an attribute; choose another,"
                        ~ " such as '" ~ key ~ "_of_customer'"
                    ) -%}
                {%- elif not modules.re.match('^[a-z][a-z0-9_]{0,60}$', key) or key in available_features() -%}
                    {%- do return(
                        "'" ~ key ~ "' is not a valid attribute name; a name consists of lower-case letters, digits and"
                        ~ ' _, begins with a letter, and is not the name of a feature'
                    ) -%}
                {%- endif -%}
            {%- elif keys and key not in keys -%}
                {%- do return("'" ~ key ~ "' is unknown; allowed are " ~ keys | join(', ')) -%}
            {%- elif among and item not in among -%}
                {%- do return("'" ~ item ~ "' is unknown; allowed are " ~ among | join(', ')) -%}
            {%- elif rule.get('of_lists') -%}
                {%- if item is string or item is mapping or item is not sequence -%}
                    {%- do return("the value of '" ~ key ~ "' must be a list such as [FUEL]") -%}
                {%- endif -%}
                {%- for one in item -%}
                    {%- if one is boolean -%}
                        {%- do return(
                            "the list of '" ~ key ~ "' has " ~ tojson(one) ~ ', which is not text; '
                            ~ booleans_of_yaml()
                        ) -%}
                    {%- elif one is not string and one is not number -%}
                        {%- do return("each value of '" ~ key ~ "' must be text or a number") -%}
                    {%- endif -%}
                {%- endfor -%}
            {%- elif rule.get('of_numbers') -%}
                {%- if item is not number or item is boolean or item <= 0 -%}
                    {%- do return("the value of '" ~ key ~ "' must be a number above 0") -%}
                {%- endif -%}
            {%- elif item is boolean -%}
                {%- do return("the value of '" ~ key ~ "' must be text; " ~ booleans_of_yaml()) -%}
            {%- elif item is not none and item is not string -%}
                {%- do return("the value of '" ~ key ~ "' must be text") -%}
            {%- endif -%}
        {%- endfor -%}
    {%- endif -%}
    {%- do return(none) -%}
{% endmacro %}


{% macro booleans_of_yaml() %}
    {%- do return('YAML reads Yes, No, On and Off as true and false, so put them in quotes') -%}
{% endmacro %}


{% macro reserved_words() %}
    {#- Words of SQL that no column can have as its name without quotes on DuckDB. Spark allows all of them. -#}
    {%- do return((
        'all analyse analyze and anti any array as asc asof asymmetric at authorization binary both by case cast check'
        ~ ' collate collation column columns concurrently constraint create cross default deferrable desc describe'
        ~ ' distinct do else end except false fetch for foreign freeze from full generated glob group having ilike in'
        ~ ' initially inner intersect into is isnull join lambda lateral leading left like limit map natural not'
        ~ ' notnull null offset on only or order outer overlaps pivot pivot_longer pivot_wider placing positional'
        ~ ' primary qualify references returning right select semi show similar some struct summarize symmetric table'
        ~ ' tablesample then to trailing true try_cast tuple union unique unpack unpivot using variadic verbose when'
        ~ ' where window with'
    ).split(' ')) -%}
{% endmacro %}


{% macro is_iso_date(text) %}
    {%- if not modules.re.match('^[0-9]{4}-(0[1-9]|1[0-2])-(0[1-9]|[12][0-9]|3[01])$', text) -%}
        {%- do return(false) -%}
    {%- endif -%}
    {#- The date must exist: 2024-02-30 does not. -#}
    {%- set year, month, day = text[:4] | int, text[5:7] | int, text[8:] | int -%}
    {%- set leap = year % 4 == 0 and (year % 100 != 0 or year % 400 == 0) -%}
    {%- set days = [31, 29 if leap else 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31][month - 1] -%}
    {%- do return(year > 0 and day <= days) -%}
{% endmacro %}


{% macro check_settings() %}
    {#- Checks for unknown names, invalid values, and values that contradict each other. -#}
    {%- set rules = setting_rules() -%}
    {%- if 'customer_segmentation' in (invocation_args_dict.get('vars') or {}) -%}
        {#- dbt reads the name of a project in vars of dbt_project.yml alone. -#}
        {%- do exceptions.raise_compiler_error(
            "--vars has settings under 'customer_segmentation', which dbt would ignore there. Give them at the top"
            ~ " level: --vars '{k: 5}'."
        ) -%}
    {%- endif -%}
    {#- The command line of another project can have vars of its own. -#}
    {%- set on_command_line = (
        [] if is_package() else (invocation_args_dict.get('vars') or {}).keys() | list
    ) -%}
    {#- In another project, the settings are under customer_segmentation, and its other vars are its own. -#}
    {%- set given = vars_of_project_file() -%}
    {%- set own = (given.get('customer_segmentation') or {}) if is_package() else given -%}
    {%- for name in on_command_line + own.keys() | list if name not in rules and name != 'customer_segmentation' -%}
        {%- do exceptions.raise_compiler_error(
            "Setting '" ~ name ~ "' is unknown; the settings are " ~ rules.keys() | sort | join(', ') ~ ". "
            ~ where_settings_are()
        ) -%}
    {%- endfor -%}
    {%- for name in rules -%}{%- do setting(name) -%}{%- endfor -%}
    {%- for name in given if name in rules and name not in own -%}
        {%- do exceptions.raise_compiler_error(
            "The variable '" ~ name ~ "' at the top level of vars in dbt_project.yml would be read as the setting of"
            ~ ' this name, too. Give the setting its own value, under vars, customer_segmentation; that comes first.'
        ) -%}
    {%- endfor -%}
    {%- if setting('k_min') > setting('k_max') -%}
        {%- do refuse_setting('k_min', var('k_min'), 'it must not be above k_max, which is ' ~ var('k_max')) -%}
    {%- endif -%}
    {%- set k = setting('k') -%}
    {%- if k is not none and k != 1 and not var('k_min') <= k <= var('k_max') -%}
        {%- do refuse_setting(
            'k', k, 'it must be 1, or within k_min and k_max, which are ' ~ var('k_min') ~ ' and ' ~ var('k_max')
        ) -%}
    {%- endif -%}
    {%- if setting('customers_location') is not none and setting('transactions_location') is none -%}
        {%- do refuse_setting(
            'customers_location', var('customers_location'),
            'transactions_location must also be set, because these customers do not belong to the sample transactions'
        ) -%}
    {%- endif -%}
    {%- for column in setting('unique_key') if not input_mapping('transactions').get(column) -%}
        {%- do refuse_setting(
            'unique_key', var('unique_key'), "transactions_columns names no column for '" ~ column ~ "'"
        ) -%}
    {%- endfor -%}
    {%- set zone = setting('time_zone') -%}
    {%- if zone is not none and execute -%}
        {#- Spark has no table of its time zones. -#}
        {%- set is_known = (
            run_query('from pg_timezone_names() where name = ' ~ quote_literal(zone) ~ ' limit 1') | length > 0
            if target.type == 'duckdb' else zone in modules.pytz.all_timezones
        ) -%}
        {%- if not is_known -%}
            {%- do refuse_setting('time_zone', zone, 'it is unknown; a name is Europe/Berlin or UTC') -%}
        {%- endif -%}
    {%- endif -%}
    {%- for attribute, rule in setting('transaction_attributes').items() -%}
        {%- set problem = (
            "the value of '" ~ attribute ~ "' must be most_frequent or latest"
            if rule not in ('most_frequent', 'latest')
            else "'" ~ attribute ~ "' is already an attribute of the customers" if attribute in attribute_names()
            else "'" ~ attribute ~ "' is already a column of the transactions"
            if attribute in input_columns('transactions')
            else "transactions_columns names no column for '" ~ attribute ~ "'"
            if not input_mapping('transactions').get(attribute)
        ) -%}
        {%- if problem -%}
            {%- do refuse_setting('transaction_attributes', var('transaction_attributes'), problem) -%}
        {%- endif -%}
    {%- endfor -%}
    {%- if setting('rejected_share_warn') > setting('rejected_share_error') -%}
        {%- do refuse_setting(
            'rejected_share_warn', var('rejected_share_warn'),
            'it must not be above rejected_share_error, which is ' ~ var('rejected_share_error')
        ) -%}
    {%- endif -%}
    {%- if 'total_quantity' in setting('features') and not input_mapping('transactions').get('quantity') -%}
        {%- do refuse_setting(
            'features', var('features'),
            'total_quantity needs a quantity, and transactions_columns names no column for it'
        ) -%}
    {%- endif -%}
{% endmacro %}


{% macro vars_of_project_file() %}
    {#- The vars of dbt_project.yml. A macro can read a var only by its name, so the file is parsed. Engines that cannot
        read a local file skip the checks of names; the tests cover them. -#}
    {%- if not execute or target.type != 'duckdb' -%}{%- do return({}) -%}{%- endif -%}
    {%- set file = (invocation_args_dict.get('project_dir') or '.') ~ '/dbt_project.yml' -%}
    {%- set text = run_query('select content from read_text(' ~ quote_literal(file) ~ ')').columns[0].values()[0] -%}
    {%- do return(fromyaml(text).get('vars') or {}) -%}
{% endmacro %}


{% macro where_settings_are() %}
    {#- Where to change a setting, for a message. -#}
    {%- do return(
        'Change it under vars, customer_segmentation in dbt_project.yml, or in --vars. A var of this name that is not'
        ~ ' under customer_segmentation is read, too, unless it is also given there.' if is_package()
        else 'Change it under vars in dbt_project.yml or in --vars.'
    ) -%}
{% endmacro %}
