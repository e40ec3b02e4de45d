{#
    The location and the column names of the inputs. Names and paths come from settings, so each is quoted as an
    identifier or a literal, never inserted as is.
#}

{% macro input_columns(input) %}
    {#- The columns that an input can have, by the project's names. -#}
    {% do return({
        'transactions': [
            'transaction_id', 'customer_id', 'transaction_date', 'quantity', 'amount', 'unit_price', 'currency',
            'return_flag', 'line_id', 'loaded_at',
        ],
        'customers': ['customer_id', 'signup_date'],
        'suppressions': ['customer_id', 'action_id', 'reason', 'until'],
    }[input]) %}
{% endmacro %}


{% macro input_names() %}
    {#- The inputs that the settings name. -#}
    {%- do return(
        ['transactions', 'customers'] + (['suppressions'] if setting('suppressions_location') is not none else [])
    ) -%}
{% endmacro %}


{% macro columns_of_every_row(input) %}
    {#- The columns of an input without which each of its rows would be rejected. -#}
    {%- do return(['customer_id'] + (['transaction_date'] if input == 'transactions' else [])) -%}
{% endmacro %}


{% macro columns_of_numbers() %}
    {#- The columns of the inputs that are read as numbers. -#}
    {%- do return(['quantity', 'amount', 'unit_price']) -%}
{% endmacro %}


{% macro missing_input_columns(input) %}
    {#- The required columns of an input that its mapping does not name. -#}
    {%- set mapping = input_mapping(input) -%}
    {%- set missing = columns_of_every_row(input) | reject('in', mapping) | list -%}
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
    {#- The names in customers_columns other than the standard columns: attributes that describe the segments. Uses
        var(), because the check in setting() calls this macro. -#}
    {%- set columns = var('customers_columns') -%}
    {%- if columns is not mapping
        or (var('transactions_location') is not none and var('customers_location') is none) -%}
        {%- do return([]) -%}
    {%- endif -%}
    {%- do return(columns.keys() | reject('in', input_columns('customers')) | list) -%}
{% endmacro %}


{% macro transaction_attribute_names() %}
    {#- The names of the attributes that come from the transactions. Uses var(), as attribute_names() does. -#}
    {%- set attributes = var('transaction_attributes') -%}
    {%- do return(attributes.keys() | list if attributes is mapping else []) -%}
{% endmacro %}


{% macro input_mapping(input) %}
    {#- {our name: name in the input}, without columns that are not mapped. -#}
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


{% macro has_signups() %}
    {#- Whether the input has signup dates; customers who are found in the transactions have none. -#}
    {%- do return(
        input_mapping('customers').get('signup_date') is not none and not customers_come_from_transactions()
    ) -%}
{% endmacro %}


{% macro input_name(input) %}
    {#- The location of an input as the settings give it, as a literal. -#}
    {%- set location = setting(input ~ '_location') -%}
    {%- do return(quote_literal(
        location if location is not none
        else 'the transactions' if input == 'customers' and customers_come_from_transactions() else 'the sample'
    )) -%}
{% endmacro %}


{% macro is_csv(location) %}
    {%- do return(modules.re.search('(?i)[.](csv|tsv|txt)([.]gz|[.]zst)?$', location) is not none) -%}
{% endmacro %}


{% macro is_parquet(location) %}
    {%- do return(modules.re.search('(?i)[.]parquet$', location) is not none) -%}
{% endmacro %}


{% macro is_pattern(location) %}
    {%- do return(modules.re.search('[*?[]', location) is not none) -%}
{% endmacro %}


{% macro csv_file(location, options='', files=none) %}
    {#- The dialect is not detected, so that no row is lost because it looks like a comment or a preamble. `files` is a
        list of files, as a literal, to be read instead of the location. -#}
    {%- set is_copied = setting('csv_encoding') == 'windows-1252' -%}
    {%- do return(
        'read_csv(' ~ (files or quote_literal(utf8_copy(location) if is_copied else location))
        ~ ', delim = ' ~ quote_literal(setting('csv_delimiter'))
        ~ ', encoding = ' ~ quote_literal('utf-8' if is_copied else setting('csv_encoding'))
        ~ ", header = true, skip = 0, all_varchar = true, quote = '\"', escape = '\"', comment = ''" ~ options ~ ')'
    ) -%}
{% endmacro %}


{% macro utf8_folder(location) %}
    {#- The folder beside the warehouse with the copy of a file in Windows-1252. -#}
    {%- do return(target.path ~ '.utf-8/' ~ local_md5(location)[:12]) -%}
{% endmacro %}


{% macro utf8_copy(location) %}
    {#- The copy of a file, or of the files of a pattern, that write_as_utf8 has written. -#}
    {%- do return(utf8_folder(location) ~ '/' ~ ('*.csv' if is_pattern(location) else '00000.csv')) -%}
{% endmacro %}


{% macro write_utf8_copy(location) %}
    {#- Writes a copy of a CSV file in Windows-1252, with the function of customer_segmentation.duckdb_plugin. -#}
    {%- if target.type != 'duckdb' or not is_csv(location) or setting('csv_encoding') != 'windows-1252' -%}
        {%- do return('') -%}
    {%- endif -%}
    {%- set found = run_query("select 1 as found from duckdb_functions() where function_name = 'write_as_utf8'") -%}
    {%- if found | length == 0 -%}
        {%- do refuse_setting(
            'csv_encoding', 'windows-1252',
            'it needs a warehouse in a file, and customer_segmentation.duckdb_plugin under plugins in the profile'
        ) -%}
    {%- endif -%}
    {%- do run_query(
        'select write_as_utf8(' ~ quote_literal(location) ~ ', ' ~ quote_literal(utf8_folder(location)) ~ ')'
    ) -%}
{% endmacro %}


{% macro has_stable_row_numbers(input) %}
    {#- Whether each read of an input numbers its rows alike, as that of a file on DuckDB does. A view may give its rows
        in another order, and Spark reads in any. -#}
    {%- set location = setting(input ~ '_location') or '' -%}
    {%- do return(target.type == 'duckdb' and (not location or is_csv(location) or is_parquet(location))) -%}
{% endmacro %}


{% macro input_relation(input) %}
    {#- The relation to select an input from: the sample, a file, or a quoted table name. -#}
    {%- set location = setting(input ~ '_location') -%}
    {%- if location is none and is_package() -%}
        {%- if execute -%}
            {%- do refuse_setting(
                input ~ '_location', location,
                "the sample is not part of a package; name a model, ref('fct_orders'), a source, a file or a table"
            ) -%}
        {%- endif -%}
        {%- do return('(select 1)') -%}
    {%- elif location is none -%}
        {%- do return(ref('sample_transactions') if input == 'transactions' else ref('sample_customers')) -%}
    {%- endif -%}
    {%- set referred = referred_relation(location) -%}
    {%- if referred -%}{%- do return(referred) -%}{%- endif -%}
    {%- if is_parquet(location) or is_csv(location) -%}
        {%- do return(adapter.dispatch('file_relation')(input, location)) -%}
    {%- endif -%}
    {%- set parts = table_name_parts(location) -%}
    {%- if parts | length > 3 or parts | join('.') != location or modules.re.search('[/\\\\]', location) -%}
        {%- do refuse_setting(
            input ~ '_location', location,
            'it must be a file that ends in .csv, .tsv, .txt or .parquet, a table as database.schema.table, or'
            ~ " ref('model') or source('source', 'table')"
        ) -%}
    {%- endif -%}
    {%- set quoted = [] -%}
    {%- for part in parts -%}{%- do quoted.append(quote_ident(unquoted(part))) -%}{%- endfor -%}
    {%- do return(quoted | join('.')) -%}
{% endmacro %}


{% macro default__file_relation(input, location, files=none) %}
    {#- The files that match a pattern can have their columns in different orders. -#}
    {%- set by_name = ', union_by_name = true' if is_pattern(location) else '' -%}
    {%- if is_parquet(location) -%}
        {%- do return('read_parquet(' ~ (files or quote_literal(location)) ~ by_name ~ ')') -%}
    {%- endif -%}
    {%- do return(csv_file(location, by_name, files)) -%}
{% endmacro %}


{% macro spark__file_relation(input, location) %}
    {#- CSV files and patterns of files are read through the view that attach_inputs creates. -#}
    {%- set is_view = is_csv(location) or is_pattern(location) -%}
    {%- do return('input_' ~ input if is_view else 'parquet.' ~ quote_ident(location)) -%}
{% endmacro %}


{% macro table_name_parts(location) %}
    {#- The parts of a table name, split at its dots; a part in double quotes may contain dots. -#}
    {%- do return(modules.re.findall('"(?:[^"]|"")+"|[^."]+', location)) -%}
{% endmacro %}


{% macro unquoted(part) %}
    {#- A part of a table name without its double quotes. -#}
    {%- do return(part[1:-1] | replace('""', '"') if part.startswith('"') else part) -%}
{% endmacro %}


{% macro input_column(input, column) %}
    {#- A column of the input as text; null if the mapping does not name it. -#}
    {%- set theirs = input_mapping(input).get(column) -%}
    {%- if not theirs -%}
    cast(null as string)
    {%- elif column in columns_of_numbers() -%}
    {{ checked_text(input, number_as_text(quote_ident(theirs))) }}
    {%- else -%}
    {{ checked_text(input, input_text(quote_ident(theirs))) }}
    {%- endif -%}
{%- endmacro %}


{% macro number_as_text(column) -%}
    {#- A column as text in the notation of decimal_mark. A column of numbers, unlike a text, has no notation of its
        own: DuckDB and Spark write it with a point, and a small one with an exponent, which a decimal comma rules
        out. -#}
    {%- set text = input_text(column) -%}
    {%- set small = 'try_cast(case when ' ~ text ~ " like '%e-%' then " ~ text ~ ' end as decimal(38, 20))' -%}
    {%- if setting('decimal_mark') == '.' -%}
    {{ text }}
    {%- else -%}
    case
        when {{ regexp_full_match('lower(typeof(' ~ column ~ '))', '(decimal|double|float|real).*') }}
            then replace(
                coalesce(cast({{ small }} as string), {{ text }}), '.', '{{ setting('decimal_mark') }}'
            )
        else {{ text }}
    end
    {%- endif -%}
{%- endmacro %}


{% macro checked_text(input, text) -%}
    {#- A text from the input. Bytes that are invalid in its encoding stop the run. -#}
    {{ adapter.dispatch('checked_text')(input, text) }}
{%- endmacro %}


{% macro default__checked_text(input, text) -%}
    {#- DuckDB stops when it reads invalid bytes. -#}
    {{ text }}
{%- endmacro %}


{% macro spark__checked_text(input, text) -%}
    {#- Spark replaces invalid bytes with U+FFFD, so two names that differ only in such a letter would become equal. -#}
    {%- set location = setting(input ~ '_location') or '' -%}
    {%- if is_csv(location) -%}
    {%- set sentence = 'File ' ~ location ~ ' is not in the encoding ' ~ setting('csv_encoding')
        ~ ': it contains invalid characters. Correct the setting csv_encoding, or the file.' -%}
    case
        when position('\ufffd' in {{ text }}) > 0 then {{ raise_error(quote_literal(sentence)) }}
        else {{ text }}
    end
    {%- else -%}
    {{ text }}
    {%- endif -%}
{%- endmacro %}


{% macro is_excluded_line() -%}
    {#- Whether the setting excluded_lines excludes a row of the transactions input. -#}
    {%- set conditions = [] -%}
    {%- for column, values in setting('excluded_lines').items() if values -%}
        {%- set texts = literal_list(values | map('string') | map('trim')) -%}
        {%- do conditions.append(
            'coalesce(' ~ clean_text(input_text(quote_ident(column))) ~ ' in (' ~ texts ~ '), false)'
        ) -%}
    {%- endfor -%}
    {{ conditions | join(' or ') or 'false' }}
{%- endmacro %}


{% macro attach_inputs() %}
    {{- adapter.dispatch('attach_inputs')() -}}
{% endmacro %}


{% macro default__attach_inputs() %}
    {%- for name, path in setting('attach_databases').items() -%}
        {%- if execute and '://' not in path and not is_pattern(path) and not has_files(path) -%}
            {%- do refuse_setting(
                'attach_databases', setting('attach_databases'),
                "there is no file '" ~ path ~ "' (a relative path starts at the folder that dbt runs in)"
            ) -%}
        {%- endif -%}
        attach if not exists {{ quote_literal(path) }} as {{ quote_ident(name) }} (read_only);
    {%- endfor -%}
{% endmacro %}


{% macro spark__attach_inputs() %}
    {#- A CSV file or a pattern of files becomes a temporary view. A line whose number of columns differs from the first
        line, or a file with different column names, stops the run; by default, Spark would accept both silently. -#}
    {%- if setting('attach_databases') -%}
        {%- do refuse_setting(
            'attach_databases', setting('attach_databases'),
            'only DuckDB attaches databases; on Spark, use a file or a table in one of its catalogs'
        ) -%}
    {%- endif -%}
    {%- set encoding = {'latin-1': 'ISO-8859-1'}.get(setting('csv_encoding'), setting('csv_encoding')) -%}
    {%- for input in input_names() -%}
        {%- set location = setting(input ~ '_location') or '' -%}
        {%- do prepare_spark_for_files(input, location) -%}
        {%- set view = 'create or replace temporary view input_' ~ input ~ ' using ' -%}
        {%- if execute and is_csv(location) -%}
            {%- do run_query(
                view ~ 'csv options (path ' ~ quote_literal(location)
                ~ ', sep ' ~ quote_literal(setting('csv_delimiter')) ~ ', encoding ' ~ quote_literal(encoding)
                ~ ", header 'true', inferSchema 'false', enforceSchema 'false',"
                ~ " multiLine 'true', escape '\"', mode 'FAILFAST', columnPruning 'false')"
            ) -%}
        {%- elif execute and is_parquet(location) and is_pattern(location) -%}
            {%- do run_query(view ~ 'parquet options (path ' ~ quote_literal(location) ~ ", mergeSchema 'true')") -%}
        {%- endif -%}
    {%- endfor -%}
{% endmacro %}


{% macro prepare_spark_for_files(input, location) %}
    {#- Refuses files that Spark would leave out silently, and what Sail reads otherwise. -#}
    {%- if not execute or not (is_csv(location) or is_parquet(location)) -%}{%- do return('') -%}{%- endif -%}
    {%- set problem = (
        'Spark reads ** as *, so it would leave out folders; write one * for each level of folders'
        if '**' in location
        else 'Spark leaves out files whose names begin with _ or with a dot; rename the file'
        if location.split('/')[-1].startswith(('_', '.'))
        else 'Sail matches the columns of several files by position; use one file or a table'
        if is_pattern(location) and is_sail()
    ) -%}
    {%- if problem -%}{%- do refuse_setting(input ~ '_location', location, problem) -%}{%- endif -%}
    {%- if is_csv(location) and setting('csv_encoding') != 'utf-8' and is_sail() -%}
        {%- do refuse_setting(
            'csv_encoding', setting('csv_encoding'), 'Sail reads CSV files as UTF-8 alone; convert the file to it'
        ) -%}
    {%- elif is_csv(location) and setting('csv_encoding') == 'windows-1252' -%}
        {#- Otherwise Spark reads no encoding but Unicode, ASCII and latin-1. -#}
        {%- do run_query('set spark.sql.legacy.javaCharsets = true') -%}
    {%- endif -%}
{% endmacro %}


{% macro limit_resources() -%}
    {#- Applies the settings memory_limit and threads to all of DuckDB's connections in this process. -#}
    {%- if target.type == 'duckdb' -%}
    {%- if setting('memory_limit') is not none -%}
    set global memory_limit = {{ quote_literal(setting('memory_limit')) }};
    {%- endif -%}
    {%- if setting('threads') is not none -%}
    set global threads = {{ setting('threads') }};
    {%- endif -%}
    {%- endif -%}
{%- endmacro %}


{% macro check_input_columns() %}
    {#- Stops the run if a file cannot be read or a mapping names a column that does not exist. A model of another
        project is built later, and checked then: declare_input. -#}
    {%- if execute and flags.WHICH in ('build', 'run') -%}
        {%- if setting('transactions_location') is none and not is_package() -%}
            {%- set present = graph.nodes['seed.customer_segmentation.sample_transactions'].columns -%}
            {%- for theirs in input_mapping('transactions').values() | list + setting('excluded_lines').keys() | list
                if theirs | lower not in present -%}
                {%- do refuse_setting(
                    'transactions_location', none,
                    "so the sample is read, and it has no column '" ~ theirs ~ "'. Name your file or table"
                ) -%}
            {%- endfor -%}
        {%- endif -%}
        {%- for input in input_names()
            if setting(input ~ '_location') is not none and not is_referred(setting(input ~ '_location')) -%}
            {%- do check_location(input) -%}
            {%- do write_utf8_copy(setting(input ~ '_location')) -%}
            {%- do check_csv_file(setting(input ~ '_location')) -%}
            {%- set plan = parts_to_read() if input == 'transactions' and is_read_by_file() -%}
            {%- do check_column_names(input, plan) -%}
            {%- do check_parquet_columns(input) -%}
            {%- set relation = relation_to_check(input, plan) -%}
            {%- if relation -%}{%- do check_mapping(input, setting(input ~ '_location'), relation) -%}{%- endif -%}
            {%- if relation == input_relation(input) -%}
                {%- do check_rows(input, setting(input ~ '_location')) -%}
            {%- endif -%}
        {%- endfor -%}
    {%- endif -%}
{% endmacro %}


{% macro declare_input(input) %}
    {#- For the model that reads an input. A file or a table becomes its source; a model or a source of another project
        is checked now that it is built. -#}
    {%- set location = setting(input ~ '_location') -%}
    {%- if location is none -%}
        {%- do return('') -%}
    {%- elif not is_referred(location) -%}
        {%- do source('segmentation_input', input) -%}
    {%- elif execute and flags.WHICH in ('build', 'run') -%}
        {%- do check_mapping(input, location) -%}
        {#- With --empty, dbt reads no row of another model. -#}
        {%- if not flags.EMPTY -%}{%- do check_rows(input, location) -%}{%- endif -%}
    {%- endif -%}
{% endmacro %}


{% macro has_files(pattern) %}
    {#- Whether DuckDB finds a file of this path or pattern. -#}
    {%- do return(run_query('from glob(' ~ quote_literal(pattern) ~ ') limit 1') | length > 0) -%}
{% endmacro %}


{% macro check_location(input) %}
    {#- Stops the run if the file or table of an input does not exist. -#}
    {%- set location = setting(input ~ '_location') -%}
    {%- if target.type != 'duckdb' -%}{%- do return('') -%}{%- endif -%}
    {%- if is_csv(location) or is_parquet(location) -%}
        {%- if not has_files(location) -%}
            {%- do refuse_setting(
                input ~ '_location', location,
                'there is no such file (a relative path starts at the folder that dbt runs in)'
            ) -%}
        {%- endif -%}
    {%- else -%}
        {%- do input_relation(input) -%}
        {%- set parts = [] -%}
        {%- for part in table_name_parts(location) -%}
            {%- do parts.append('lower(' ~ quote_literal(unquoted(part)) ~ ')') -%}
        {%- endfor -%}
        {%- set conditions = ['lower(table_name) = ' ~ parts[-1]] -%}
        {%- if parts | length == 2 -%}
            {%- do conditions.append(parts[0] ~ ' in (lower(table_schema), lower(table_catalog))') -%}
        {%- elif parts | length == 3 -%}
            {%- do conditions.append('lower(table_schema) = ' ~ parts[1]) -%}
            {%- do conditions.append('lower(table_catalog) = ' ~ parts[0]) -%}
        {%- endif -%}
        {%- set found = run_query(
            'select 1 from information_schema.tables where ' ~ conditions | join(' and ') ~ ' limit 1'
        ) -%}
        {%- if found | length == 0 -%}
            {%- do refuse_setting(
                input ~ '_location', location,
                'there is no such table in the warehouse or in an attached database (attach_databases)'
            ) -%}
        {%- endif -%}
    {%- endif -%}
{% endmacro %}


{% macro check_csv_file(location) %}
    {#- Checks the first rows of a CSV file. Errors further down stop the run when DuckDB reads them. -#}
    {%- if target.type != 'duckdb' or not is_csv(location) or is_pattern(location) -%}
        {%- do return('') -%}
    {%- endif -%}
    {%- do run_query('drop table if exists reject_errors') -%}
    {%- do run_query('drop table if exists reject_scans') -%}
    {%- do run_query(
        'select count(*) from (select * from ' ~ csv_file(location, ', store_rejects = true') ~ ' limit 20000)'
    ) -%}
    {%- set errors = run_query('select line, error_message from reject_errors order by line, error_message limit 1') -%}
    {%- if errors | length -%}
        {%- do exceptions.raise_compiler_error(
            'File ' ~ location ~ ' cannot be read as CSV: line ' ~ errors.rows[0][0] ~ ': '
            ~ errors.rows[0][1] | trim('.')
            ~ '. Correct the file, or the settings ' ~ csv_settings_in_use() ~ '.'
        ) -%}
    {%- endif -%}
{% endmacro %}


{% macro check_column_names(input, plan) %}
    {#- Stops the run if a CSV file has two columns of one name, of which DuckDB would rename one. -#}
    {%- set location = setting(input ~ '_location') -%}
    {%- if target.type != 'duckdb' or not is_csv(location) -%}{%- do return('') -%}{%- endif -%}
    {%- set read = utf8_copy(location) if setting('csv_encoding') == 'windows-1252' else location -%}
    {%- for file in (
        plan.parts if plan else run_query('from glob(' ~ quote_literal(read) ~ ')').columns[0].values()
    ) -%}
        {%- set first_line = run_query(
            'select * from '
            ~ csv_file(location, '', literal_files([file])) | replace('header = true', 'header = false') ~ ' limit 1'
        ) -%}
        {%- set seen = [] -%}
        {%- for name in (first_line.rows[0] if first_line | length else []) if name is not none -%}
            {%- if name | lower | trim in seen -%}
                {%- do exceptions.raise_compiler_error(
                    'File ' ~ (file if read == location else location) ~ " has two columns of the name '"
                    ~ name | trim ~ "', so it is not clear which is meant. Rename one of them."
                ) -%}
            {%- endif -%}
            {%- do seen.append(name | lower | trim) -%}
        {%- endfor -%}
        {#- A file without a line has no lines to reject. -#}
        {%- if is_pattern(location) and first_line | length -%}
            {%- do check_columns_of_file(input, file, first_line.rows[0] | select('string') | list) -%}
        {%- endif -%}
    {%- endfor -%}
{% endmacro %}


{% macro check_columns_of_file(input, file, names) %}
    {#- Stops the run if a file of a pattern lacks a column without which each of its lines would be rejected. -#}
    {%- set lowered = names | map('lower') | map('trim') | list -%}
    {#- The folders of Hive's partitions are columns: day=2024-01-01/part.parquet. -#}
    {%- for folder in file.split('/')[:-1] if '=' in folder -%}
        {%- do lowered.append(folder.split('=')[0] | lower) -%}
    {%- endfor -%}
    {%- for ours, theirs in input_mapping(input).items()
        if ours in columns_of_every_row(input) and theirs | lower not in lowered -%}
        {%- do exceptions.raise_compiler_error(
            'File ' ~ file ~ " has no column '" ~ theirs ~ "' (for " ~ ours ~ '), as the other files of '
            ~ setting(input ~ '_location') ~ ' have; its columns are: ' ~ names | join(', ') ~ '. Correct the file, or'
            ~ ' move it elsewhere.'
        ) -%}
    {%- endfor -%}
{% endmacro %}


{% macro check_parquet_columns(input) %}
    {#- Stops the run if the names of two columns of a Parquet file differ in case alone, since DuckDB would rename one,
        or if the types of a column in several files do not go together. DuckDB would make one of them, which can change
        the values: of whole numbers and floats, large ids become equal; of dates and timestamps with a time zone, a
        date becomes a moment in it. -#}
    {%- set location = setting(input ~ '_location') -%}
    {%- if target.type != 'duckdb' or not is_parquet(location) -%}{%- do return('') -%}{%- endif -%}
    {#- One file of each kind is enough. -#}
    {%- set kinds_of_files = run_query(
        "with kinds as (select file_name, list(name) as names, string_agg(concat_ws(' ', name, duckdb_type), ', '"
        ~ ' order by column_id) as kind from parquet_schema(' ~ quote_literal(location) ~ ') group by file_name)'
        ~ ' select min(file_name) as file, to_json(arg_min(names, file_name)) as names from kinds group by kind'
        ~ ' order by file'
    ) -%}
    {%- set types = {} -%}
    {%- for row in kinds_of_files -%}
        {%- set columns = run_query(
            'describe select * from read_parquet(' ~ quote_literal(row['file']) ~ ', hive_partitioning = false)'
        ) -%}
        {%- set named = fromjson(row['names']) -%}
        {%- if is_pattern(location) -%}
            {%- do check_columns_of_file(input, row['file'], columns.columns['column_name'].values() | list) -%}
        {%- endif -%}
        {%- for column in columns -%}
            {#- DuckDB calls the second one Amount_1, and a column without a name C4. -#}
            {%- set name = modules.re.sub('_\\d+$', '', column['column_name']) -%}
            {%- if column['column_name'] not in named and name | lower in named | map('lower') -%}
                {%- do exceptions.raise_compiler_error(
                    'File ' ~ row['file'] ~ " has two columns of the name '" ~ name ~ "', if upper and lower case are"
                    ~ ' the same, so it is not clear which is meant. Rename one of them.'
                ) -%}
            {%- endif -%}
            {%- set of_column = types.setdefault(column['column_name'] | lower, {}) -%}
            {%- do of_column.setdefault(column['column_type'], row['file']) -%}
        {%- endfor -%}
    {%- endfor -%}
    {%- set read = input_mapping(input).values() | list -%}
    {%- if input == 'transactions' -%}{%- set read = read + setting('excluded_lines').keys() | list -%}{%- endif -%}
    {%- set numbers = [] -%}
    {%- for ours, theirs in input_mapping(input).items() if ours in columns_of_numbers() -%}
        {%- do numbers.append(theirs) -%}
    {%- endfor -%}
    {%- for theirs in read if theirs -%}
        {%- set found = types.get(theirs | lower, {}) -%}
        {%- if not types_go_together(found.keys() | list, theirs in numbers) -%}
            {%- set where = [] -%}
            {%- for type, file in found.items() -%}{%- do where.append(type ~ ' in ' ~ file) -%}{%- endfor -%}
            {%- do exceptions.raise_compiler_error(
                "The column '" ~ theirs ~ "' of " ~ location ~ ' is ' ~ where | join(' and ') ~ '. DuckDB would make'
                ~ ' one type of these, which can change the values. Write the column with the same type to all files.'
            ) -%}
        {%- endif -%}
    {%- endfor -%}
{% endmacro %}


{% macro types_go_together(types, is_number) %}
    {#- Whether the values of a column that has these types of DuckDB in several files are the same when DuckDB has made
        one type of them. A text takes the others as they are written, but writes a number with a decimal point. -#}
    {%- set kinds = [] -%}
    {#- A column without a value has the type NULL. -#}
    {%- for type in types if type | replace('"', '') != 'NULL' -%}
        {%- set kind = (
            'text' if type == 'VARCHAR' or type.startswith('ENUM')
            else 'day' if type == 'DATE' or (type.startswith('TIMESTAMP') and 'ZONE' not in type)
            else 'number with 0 decimals' if modules.re.fullmatch('U?(TINY|SMALL|BIG|HUGE)?INT(EGER)?', type)
            else 'number with ' ~ type.split(',')[1] | replace(')', ' decimals') if type.startswith('DECIMAL')
            else 'number' if type in ('FLOAT', 'DOUBLE')
            else type
        ) -%}
        {%- do kinds.append('number' if is_number and kind.startswith('number') else kind) -%}
    {%- endfor -%}
    {%- set others = kinds | unique | reject('equalto', 'text') | list -%}
    {%- set is_text_of_numbers = 'text' in kinds and 'number' in others and is_number -%}
    {%- do return(others | length < 2 and not (is_text_of_numbers and setting('decimal_mark') != '.')) -%}
{% endmacro %}


{% macro check_rows(input, location) %}
    {#- Stops the run if the transactions or the suppressions have no row, unless a setting says that this is meant. -#}
    {%- set remedy = {
        'transactions': 'set allow_empty_transactions',
        'suppressions': 'set suppressions_location to null, and everybody can be contacted',
    }.get(input) -%}
    {%- if remedy and not (input == 'transactions' and setting('allow_empty_transactions')) -%}
        {%- if run_query('select 1 as is_there from ' ~ input_relation(input) ~ ' limit 1') | length == 0 -%}
            {%- do refuse_setting(
                input ~ '_location', location,
                'it has no rows. Check that the export is complete; if it is meant, ' ~ remedy
            ) -%}
        {%- endif -%}
    {%- endif -%}
{% endmacro %}


{% macro csv_settings_in_use() %}
    {#- The settings that a CSV file is read with, for a message. -#}
    {%- do return(
        'csv_delimiter (now ' ~ tojson(setting('csv_delimiter')) ~ ') and csv_encoding (now '
        ~ tojson(setting('csv_encoding')) ~ ')'
    ) -%}
{% endmacro %}


{% macro explained_csv_error(message) %}
    {#- What is wrong with a CSV file, in one sentence, from DuckDB's message about an error far down. None for any
        other message. -#}
    {%- set line = modules.re.search('CSV Error on Line: (\\d+)', message) -%}
    {%- if not line -%}{%- do return(none) -%}{%- endif -%}
    {%- set file = modules.re.search('file ?= ?(.+)', message) -%}
    {%- set reasons = modules.re.findall(
        '(?m)^ *(Invalid unicode.*|Expected Number of Columns.*|Value with unterminated.*)', message
    ) -%}
    {%- do return(
        'File ' ~ (file.group(1) | trim if file else 'of an input') ~ ' cannot be read as CSV: line ' ~ line.group(1)
        ~ ': ' ~ ((reasons[0] if reasons else 'it does not fit the other lines') | trim('. '))
        ~ '. Correct the line, or the settings ' ~ csv_settings_in_use() ~ '.'
    ) -%}
{% endmacro %}


{% macro check_mapping(input, location, relation=none) %}
    {%- set name = input ~ '_columns' -%}
    {%- for column in missing_input_columns(input) -%}
        {%- do refuse_setting(name, var(name), "it must name a column for '" ~ column ~ "'") -%}
    {%- endfor -%}
    {%- set present = run_query(
        'select * from ' ~ (relation or input_relation(input)) ~ ' limit 0'
    ).column_names -%}
    {%- set lowered = present | map('lower') | list -%}
    {%- set whose = ' in ' ~ location ~ ', whose columns are: ' ~ present | join(', ') -%}
    {%- set hint = (
        ' (the file is empty)' if present | join == 'column0'
        else ' (is csv_delimiter right?)' if present | length == 1 and is_csv(location) else ''
    ) -%}
    {%- for ours, theirs in input_mapping(input).items() if theirs | lower not in lowered -%}
        {%- do refuse_setting(
            name, var(name), "there is no column '" ~ theirs ~ "' (for " ~ ours ~ ')' ~ whose ~ hint
        ) -%}
    {%- endfor -%}
    {%- if 'filename' in lowered and input == 'transactions' and is_read_by_file() -%}
        {%- do refuse_setting(
            input ~ '_location', location,
            "DuckDB uses the name of its column 'filename' for the file that a row comes from; rename the column"
        ) -%}
    {%- endif -%}
    {%- if 'file_row_number' in lowered and target.type == 'duckdb' and is_parquet(location) -%}
        {%- do refuse_setting(
            input ~ '_location', location,
            "DuckDB uses the name of its column 'file_row_number' for row numbers; rename the column"
        ) -%}
    {%- endif -%}
    {%- if input == 'transactions' -%}
        {%- for column in setting('excluded_lines') if column | lower not in lowered -%}
            {%- do refuse_setting(
                'excluded_lines', var('excluded_lines'), "there is no column '" ~ column ~ "'" ~ whose
            ) -%}
        {%- endfor -%}
    {%- endif -%}
{% endmacro %}


{% macro latest_load(input) %}
    {#- A query for `dbt source freshness`: when the newest row was loaded, or, without a loaded_at in the mapping, the
        day of the newest transaction. -#}
    {%- do write_utf8_copy(setting(input ~ '_location')) -%}
    {%- set loaded_at = input_mapping(input).get('loaded_at') -%}
    select max({{ (
        'try_cast(' ~ input_text(quote_ident(loaded_at)) ~ ' as timestamp)' if loaded_at
        else 'cast(' ~ parse_date(input_text(quote_ident(input_mapping(input)['transaction_date']))) ~ ' as timestamp)'
    ) }})
    from {{ input_relation(input) }}
{%- endmacro %}


{% macro customer_since(signup, first_purchase) -%}
    {#- The day from which a customer's tenure counts. -#}
    {%- set rule = setting('tenure_from') -%}
    {%- if rule == 'earliest' -%}
    least({{ signup }}, {{ first_purchase }})
    {%- elif rule == 'signup' -%}
    coalesce({{ signup }}, {{ first_purchase }})
    {%- else -%}
    coalesce({{ first_purchase }}, {{ signup }})
    {%- endif -%}
{%- endmacro %}
