{# What differs where another dbt project has installed this one as a package. #}

{% macro is_package() %}
    {%- do return(project_name != 'customer_segmentation') -%}
{% endmacro %}


{% macro is_selected() %}
    {#- Whether a run touches anything of this project; hooks do nothing in any other. -#}
    {%- if not execute -%}{%- do return(true) -%}{%- endif -%}
    {%- for id in selected_resources if id.split('.')[1] == 'customer_segmentation' -%}
        {%- do return(true) -%}
    {%- endfor -%}
    {%- do return(false) -%}
{% endmacro %}


{% macro refuse_retry() %}
    {#- Stops dbt retry, which alone does not say what it selects: the hooks would take it for a run of nothing. In
        another project, nobody can tell whose models it retries. -#}
    {%- if execute and not selected_resources and not is_package() -%}
        {%- do exceptions.raise_compiler_error(
            'dbt retry cannot continue a build: what one build trains, tests and logs belongs together. Run dbt build'
            ~ ' again.'
        ) -%}
    {%- endif -%}
{% endmacro %}


{% macro check_names() %}
    {#- Stops a run in which a model of the other project takes the place of one of ours of the same name. -#}
    {%- if not is_package() or not execute -%}{%- do return('') -%}{%- endif -%}
    {%- for node in graph.nodes.values() if node.package_name == 'customer_segmentation' -%}
        {%- for id in node.depends_on.nodes if id.startswith('model.' ~ project_name ~ '.') -%}
            {%- set name = id.split('.')[2] -%}
            {%- if model_id_of(name) in graph.nodes -%}
                {%- do exceptions.raise_compiler_error(
                    "Both this project and its package customer_segmentation have a model '" ~ name ~ "', and the"
                    ~ ' package would read the wrong one. Set require_ref_searches_node_package_before_root: true under'
                    ~ ' flags in dbt_project.yml.'
                ) -%}
            {%- endif -%}
        {%- endfor -%}
    {%- endfor -%}
{% endmacro %}


{% macro model_id_of(name) %}
    {#- The unique id of a model of this project. -#}
    {%- do return('model.customer_segmentation.' ~ name) -%}
{% endmacro %}


{% macro is_referred(location) %}
    {%- do return(modules.re.match('^ *(ref|source) *[(]', location or '') is not none) -%}
{% endmacro %}


{% macro referred_relation(location) %}
    {#- The relation of a location such as ref('fct_orders') or source('shop', 'orders'); none for a file or table. A
        single name is that of a model of the project that has the settings, not of one of ours of the same name. -#}
    {%- set call = modules.re.match('^ *(ref|source) *[(](.*)[)] *$', location or '') -%}
    {%- if not call -%}{%- do return(none) -%}{%- endif -%}
    {%- set names = modules.re.findall('["\']([^"\']+)["\']', call.group(2)) -%}
    {%- if call.group(1) == 'source' -%}
        {%- do return(source(*names) if names | length == 2 else none) -%}
    {%- endif -%}
    {%- if names | length == 1 -%}{%- do return(ref(project_name, *names)) -%}{%- endif -%}
    {%- do return(ref(*names) if names | length == 2 else none) -%}
{% endmacro %}


{% macro optional_marts() %}
    {#- The marts that no other model reads, except the log of builds. -#}
    {%- do return([
        'customer_360', 'segment_alternative_borders', 'segment_alternative_map', 'segment_alternatives',
        'segment_attributes', 'segment_borders', 'segment_features', 'segment_map', 'segment_map_axes',
        'segment_months', 'segmentation_model_centroids',
    ]) -%}
{% endmacro %}


{% macro drop_disabled_marts() %}
    {#- Drops what an earlier build left of the disabled marts, so that nobody reads, or publishes, an old table. In
        another project, a table of that name can be its own. -#}
    {%- if not execute or flags.WHICH not in ('build', 'run') or not setting('disabled_marts') -%}
        {%- do return('') -%}
    {%- endif -%}
    {%- set neighbour, made = graph.nodes[model_id_of('segment_profiles')], [] -%}
    {%- for node in graph.nodes.values() if node.resource_type in ('model', 'seed', 'snapshot') -%}
        {%- do made.append((node.database ~ '.' ~ node.schema ~ '.' ~ node.alias) | lower) -%}
    {%- endfor -%}
    {%- for mart in setting('disabled_marts') -%}
        {%- set alias = neighbour.alias | replace('segment_profiles', mart) -%}
        {%- set is_made = (neighbour.database ~ '.' ~ neighbour.schema ~ '.' ~ alias) | lower in made -%}
        {%- set old = none if is_made else adapter.get_relation(neighbour.database, neighbour.schema, alias) -%}
        {%- if old is not none -%}
            {%- do adapter.drop_relation(old) -%}
            {%- do adapter.commit() if target.type == 'duckdb' -%}
        {%- endif -%}
    {%- endfor -%}
{% endmacro %}
