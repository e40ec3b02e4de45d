{#
    Where the input lives and what its columns are called. Only the base models and the checks before a run use these.
    Names and paths come from settings: each is quoted as an identifier or as a text, and never pasted.
#}

{% macro input_columns(input) %}
    {#- The columns that an input can have, under our names. -#}
    {% do return({
        'transactions': [
            'transaction_id', 'customer_id', 'transaction_date', 'quantity', 'amount', 'unit_price', 'currency',
            'return_flag',
        ],
        'customers': ['customer_id', 'signup_date'],
    }[input]) %}
{% endmacro %}


{% macro missing_input_columns(input) %}
    {#- The columns that an input must have and that its mapping does not name. -#}
    {%- set mapping = input_mapping(input) -%}
    {%- set needed = {'transactions': ['customer_id', 'transaction_date'], 'customers': ['customer_id']}[input] -%}
    {%- set missing = needed | reject('in', mapping) | list -%}
    {%- if input == 'transactions' and not mapping.get('amount') -%}
        {%- if not mapping.get('unit_price') -%}
            {%- do missing.append('amount') -%}
        {%- elif not mapping.get('quantity') -%}
            {%- do missing.append('quantity') -%}
        {%- endif -%}
    {%- endif -%}
    {%- do return(missing) -%}
{% endmacro %}


{% macro attribute_names() %}
    {#- What customers_columns names beyond the columns we know: attributes that describe the segments. It reads the var
        and not the setting, whose check asks for these names. -#}
    {%- set columns = var('customers_columns') -%}
    {%- if columns is not mapping
        or (var('transactions_location') is not none and var('customers_location') is none) -%}
        {%- do return([]) -%}
    {%- endif -%}
    {%- do return(columns.keys() | reject('in', input_columns('customers')) | list) -%}
{% endmacro %}


{% macro quote_text(text) %}
    {%- do return("'" ~ text | replace("'", "''") ~ "'") -%}
{% endmacro %}


{% macro quote_name(name) %}
    {%- do return('"' ~ name | replace('"', '""') ~ '"') -%}
{% endmacro %}


{% macro input_mapping(input) %}
    {#- {our name: name in the input}, without the ones that the input does not have. -#}
    {%- set mapping = {} -%}
    {%- for ours, theirs in setting(input ~ '_columns').items() if theirs -%}
        {%- do mapping.update({ours: theirs}) -%}
    {%- endfor -%}
    {%- do return(mapping) -%}
{% endmacro %}


{% macro customers_come_from_transactions() %}
    {%- do return(
        setting('transactions_location') is not none and setting('customers_location') is none
    ) -%}
{% endmacro %}


{% macro input_relation(input) %}
    {#- What stands behind `from` for an input: the sample, a file function, or a quoted table name. -#}
    {%- set location = setting(input ~ '_location') -%}
    {%- if location is none -%}
        {%- do return(ref('sample_transactions') if input == 'transactions' else ref('sample_customers')) -%}
    {%- endif -%}
    {%- set path = quote_text(location) -%}
    {%- if modules.re.search('(?i)\\.parquet$', location) -%}
        {%- do return('read_parquet(' ~ path ~ ', union_by_name = true)') -%}
    {%- elif modules.re.search('(?i)\\.(csv|tsv|txt)(\\.gz|\\.zst)?$', location) -%}
        {%- do return(
            'read_csv(' ~ path ~ ', delim = ' ~ quote_text(setting('csv_delimiter'))
            ~ ', encoding = ' ~ quote_text(setting('csv_encoding'))
            ~ ", header = true, all_varchar = true, quote = '\"', escape = '\"', union_by_name = true)"
        ) -%}
    {%- endif -%}
    {%- set parts = modules.re.findall('"(?:[^"]|"")+"|[^."]+', location) -%}
    {%- if parts | length > 3 or parts | join('.') != location -%}
        {%- do refuse_setting(
            input ~ '_location', location,
            'it must be a file that ends in .csv, .tsv, .txt or .parquet, or a table as database.schema.table'
        ) -%}
    {%- endif -%}
    {%- set quoted = [] -%}
    {%- for part in parts -%}
        {%- do quoted.append(part if part.startswith('"') else quote_name(part)) -%}
    {%- endfor -%}
    {%- do return(quoted | join('.')) -%}
{% endmacro %}


{% macro input_column(input, column) %}
    {#- A column of the input as text; null where the mapping does not name it. -#}
    {%- set theirs = input_mapping(input).get(column) -%}
    cast({{ quote_name(theirs) if theirs else 'null' }} as varchar)
{%- endmacro %}


{% macro is_excluded_line() -%}
    {#- Whether excluded_lines leaves a row of the transactions input out. -#}
    {%- set conditions = [] -%}
    {%- for column, values in setting('excluded_lines').items() if values -%}
        {%- set texts = [] -%}
        {%- for value in values -%}{%- do texts.append(quote_text(value | string)) -%}{%- endfor -%}
        {%- do conditions.append(
            'coalesce(cast(' ~ quote_name(column) ~ ' as varchar) in (' ~ texts | join(', ') ~ '), false)'
        ) -%}
    {%- endfor -%}
    {{ conditions | join(' or ') or 'false' }}
{%- endmacro %}


{% macro attach_inputs() %}
    {%- for name, path in setting('attach_databases').items() -%}
        attach if not exists {{ quote_text(path) }} as {{ quote_name(name) }} (read_only);
    {%- endfor -%}
{% endmacro %}


{% macro check_input_columns() %}
    {#- A mapping to a column that is not there stops the run with the columns that are. -#}
    {%- if execute and flags.WHICH in ('build', 'run') -%}
        {%- for input in ['transactions', 'customers']
            if setting('transactions_location') is not none or input == 'customers' -%}
            {%- set location = setting(input ~ '_location') -%}
            {%- if location is not none -%}
                {%- set described = run_query('describe select * from ' ~ input_relation(input)) -%}
                {%- set present = described.columns[0].values() -%}
                {%- set lowered = present | map('lower') | list -%}
                {%- for column in missing_input_columns(input) -%}
                    {%- do refuse_setting(
                        input ~ '_columns', var(input ~ '_columns'), "it must name a column for '" ~ column ~ "'"
                    ) -%}
                {%- endfor -%}
                {%- for ours, theirs in input_mapping(input).items() if theirs | lower not in lowered -%}
                    {%- do refuse_setting(
                        input ~ '_columns', var(input ~ '_columns'),
                        "there is no column '" ~ theirs ~ "' (for " ~ ours ~ ') in ' ~ location
                        ~ ', whose columns are: ' ~ present | join(', ')
                        ~ (' (is csv_delimiter right?)' if present | length == 1 else '')
                    ) -%}
                {%- endfor -%}
                {%- if input == 'transactions' -%}
                    {%- for column in setting('excluded_lines') if column | lower not in lowered -%}
                        {%- do refuse_setting(
                            'excluded_lines', var('excluded_lines'),
                            "there is no column '" ~ column ~ "' in " ~ location ~ ', whose columns are: '
                            ~ present | join(', ')
                        ) -%}
                    {%- endfor -%}
                {%- endif -%}
            {%- endif -%}
        {%- endfor -%}
    {%- endif -%}
{% endmacro %}
