{# Parquet unless a model says otherwise. Upstream says so in its docs; its SQL leaves the format out, and its Python
   models and constraints take Delta Lake, which is not in the pyspark package. #}
{% macro sparksession_file_format() %}
    {{- return(config.get("file_format", default="parquet") or "parquet") -}}
{% endmacro %}

{% macro sparksession__file_format_clause() %}
    using {{ sparksession_file_format() }}
{% endmacro %}

{# Spark keeps no constraints on Parquet, and Sail, whose versions begin with 0, on Delta Lake neither. Upstream takes a
   model without a format for Delta Lake. #}
{% macro sparksession__persist_constraints(relation, model) %}
    {%- if sparksession_file_format() == "delta" and not run_query("select version()").rows[0][0].startswith("0.") -%}
        {%- do spark__persist_constraints(relation, model) -%}
    {%- endif -%}
{% endmacro %}

{# Upstream leaves backslashes alone, and Spark eats them, and puts settings in the place of ${...}: the rows of a unit
   test would not be those that were given. #}
{% macro sparksession__escape_single_quotes(expression) -%}
    {{ expression | replace("\\", "\\\\") | replace("'", "\\'") | replace("$", "\\u0024") }}
{%- endmacro %}

{# Only a view says its description as it is made. Sail knows no comment in `create table ... as`; persist_docs gives it
   to a table afterwards. #}
{% macro sparksession__comment_clause() %}
    {%- if config.persist_relation_docs() and model.description and config.get("materialized") == "view" -%}
        comment {{ adapter.literal(model.description) }}
    {%- endif -%}
{% endmacro %}

{# A table takes over the comments of the columns of a view. One statement for all of them instead of one for each, which
   takes half a second in Hive's metastore. #}
{% macro sparksession__create_table_as(temporary, relation, compiled_code, language="sql") -%}
    {%- if language == "sql" and not temporary and config.persist_column_docs() and model.columns -%}
        {%- set view = relation.incorporate(path={"identifier": relation.identifier ~ "__described"}) -%}
        {%- set view = view.include(database=false, schema=false) -%}
        {%- set columns = [] -%}
        {%- for name in get_columns_in_query(compiled_code) -%}
            {%- do columns.append(get_column_comment_sql(name, model.columns)) -%}
        {%- endfor -%}
        {%- do run_query(
            "create or replace temporary view " ~ view ~ " (" ~ columns | join(", ") ~ ") as " ~ compiled_code
        ) -%}
        {%- set compiled_code = "select * from " ~ view -%}
    {%- endif -%}
    {{- spark__create_table_as(temporary, relation, compiled_code, language) -}}
{%- endmacro %}

{# Upstream keeps the comments of columns for Delta Lake, Hudi and Iceberg alone. A view has its own already. #}
{% macro sparksession__persist_docs(relation, model, for_relation, for_columns) -%}
    {%- if config.get("materialized") != "view" -%}
        {%- if for_relation and config.persist_relation_docs() and model.description -%}
            {%- set comment = adapter.literal(model.description) -%}
            {%- do run_query("alter table " ~ relation ~ " set tblproperties ('comment' = " ~ comment ~ ")") -%}
        {%- endif -%}
        {%- if for_columns and config.persist_column_docs() and model.columns -%}
            {%- set existing = adapter.get_columns_in_relation(relation) | map(attribute="name") | list -%}
            {%- set comments = {} -%}
            {%- for name, column in validate_doc_columns(relation, model.columns, existing).items() -%}
                {%- if column["description"] -%}
                    {%- do comments.update({name: adapter.column_comment(column["description"])}) -%}
                {%- endif -%}
            {%- endfor -%}
            {%- do adapter.describe_columns(relation, comments) -%}
        {%- endif -%}
    {%- endif -%}
{% endmacro %}

{# Upstream asks agate for the type of a column at each of its values, for which agate reads all values of the column, and
   casts each value by itself. #}
{% macro sparksession__load_csv_rows(model, agate_table) %}
    {%- set given = model["config"].get("column_types", {}) -%}
    {%- set names, values = [], [] -%}
    {%- for column in agate_table.column_names -%}
        {%- do names.append("column_" ~ loop.index) -%}
        {%- set type = given.get(column) or adapter.convert_type(agate_table, loop.index0) -%}
        {%- do values.append("cast(" ~ names[-1] ~ " as " ~ type ~ ")") -%}
    {%- endfor -%}
    {%- set row = "(" ~ (["%s"] * names | length) | join(", ") ~ ")" -%}
    {%- set statements = [] -%}
    {%- for chunk in agate_table.rows | batch(get_batch_size()) -%}
        {%- set bindings = [] -%}
        {%- for each in chunk -%}{%- do bindings.extend(each) -%}{%- endfor -%}
        {%- set sql -%}
            insert into {{ this.render() }} select {{ values | join(", ") }}
            from values {{ ([row] * chunk | length) | join(", ") }} as rows_given ({{ names | join(", ") }})
        {%- endset -%}
        {%- do adapter.add_query(sql, bindings=bindings, abridge_sql_log=True) -%}
        {%- do statements.append(sql) -%}
    {%- endfor -%}
    {{- return(statements[0]) -}}
{% endmacro %}

{# The column list of a view. #}
{% macro get_column_comment_sql(column_name, column_dict) -%}
    {%- set column = column_dict.get(column_name, {}) -%}
    {{ adapter.quote(column_name) }}
    {%- if column.get("description") %} comment {{ adapter.column_comment(column["description"]) }}{% endif -%}
{% endmacro %}

{# The end of a Python model. Upstream's goes over pyspark.pandas, koalas and Delta Lake. A pandas DataFrame goes over
   Arrow, as pyspark's own way fails on the texts of pandas 3; what pandas takes for missing becomes null. #}
{% macro py_write_table(compiled_code, target_relation) %}
{{ compiled_code }}
# ---- written by the adapter --------------------------------------------------------------------------------------
dbt = dbtObj(spark.table)
df = model(dbt, spark)
if not hasattr(df, "write"):
    import pyarrow
    df = spark.createDataFrame(pyarrow.Table.from_pandas(df, preserve_index=False))
df.write.mode("overwrite").format("{{ sparksession_file_format() }}").saveAsTable("{{ target_relation }}")
{% endmacro %}
