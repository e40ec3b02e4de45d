{% macro print_summary(results) %}
    {#- Prints the results on the terminal after a successful run that built k_selection and segment_actions. -#}
    {%- set k_selection, segment_profiles = ref('k_selection'), ref('segment_profiles') -%}
    {%- set segment_actions = ref('segment_actions') -%}
    {%- do ref('segment_events') -%}{%- do ref('segmentation_builds') -%}
    {%- if not execute or flags.WHICH not in ('build', 'run') -%}{%- do return('') -%}{%- endif -%}
    {%- set made = [] -%}
    {%- for result in results -%}
        {#- The status of an exposure is no-op. -#}
        {%- if result.status not in ('success', 'pass', 'warn', 'no-op') -%}{%- do return('') -%}{%- endif -%}
        {%- do made.append(result.node.name) -%}
    {%- endfor -%}
    {%- if 'int_build_log' in made and not is_whole_run() -%}
        {%- do log('', info=true) -%}
        {%- do log('This run built only some of the models, so it was not logged as a build.', info=true) -%}
    {%- endif -%}
    {%- if not ('segment_actions' in made and 'k_selection' in made) -%}{%- do return('') -%}{%- endif -%}

    {%- set ks = run_query(
        'select k, davies_bouldin_index, silhouette_score, is_selected, is_local_minimum, is_admissible,'
        ~ ' alternative_k, reason, validity, validity_reason from ' ~ k_selection ~ ' order by k'
    ) -%}
    {%- set segments = run_query(
        'select p.segment_name, p.cluster_size, p.customer_share, p.avg_total_spending, p.avg_quantity,'
        ~ ' p.avg_transactions, p.avg_days_since_signup, a.action from ' ~ segment_profiles ~ ' as p left join '
        ~ segment_actions ~ ' as a on p.segment_name = a.segment_name and a.action_rank = 1'
        ~ ' order by p.cluster_id nulls last'
    ) -%}
    {%- do log('', info=true) -%}
    {%- if segments | length == 0 -%}
        {%- do log('The input has no customers, so the marts are empty.', info=true) -%}
    {%- endif -%}
    {%- if ks | length -%}
        {%- do log(' k   Davies-Bouldin   silhouette   validity', info=true) -%}
    {%- endif -%}
    {%- for row in ks -%}
        {%- set remark = (
            '   <- selected' if row['is_selected']
            else '   not admissible' if not row['is_admissible']
            else '   local minimum' if row['is_local_minimum'] else ''
        ) -%}
        {%- set line = '%2d   %14s   %10s   %-14s%s' | format(
            row['k'], aligned_number(row['davies_bouldin_index'], 4),
            aligned_number(row['silhouette_score'], 4), row['validity'], remark
        ) -%}
        {%- do log(line.rstrip(), info=true) -%}
    {%- endfor -%}
    {%- for row in ks if row['is_selected'] -%}
        {%- do log(row['validity_reason'], info=true) -%}
        {%- if row['alternative_k'] is not none -%}{%- do log(row['reason'], info=true) -%}{%- endif -%}
    {%- endfor -%}
    {%- if segments | length -%}
        {%- do log('', info=true) -%}
        {%- set width = [segments.columns['segment_name'].values() | map('length') | max, 7] | max -%}
        {%- do log(
            '%-*s   customers   share   spending   quantity   transactions   days since signup   first action'
            | format(width, 'segment'), info=true
        ) -%}
    {%- endif -%}
    {%- for row in segments -%}
        {%- set share = row['customer_share'] -%}
        {%- do log(
            '%-*s   %9d   %5s   %8s   %8s   %12s   %17s   %s' | format(
                width, row['segment_name'], row['cluster_size'],
                '-' if share is none else '%.0f %%' | format(share * 100),
                aligned_number(row['avg_total_spending'], 2), aligned_number(row['avg_quantity'], 1),
                aligned_number(row['avg_transactions'], 1), aligned_number(row['avg_days_since_signup'], 0),
                row['action']
            ), info=true
        ) -%}
    {%- endfor -%}
    {%- if 'segment_events' in made -%}{%- do print_segment_events(ref('segment_events')) -%}{%- endif -%}
    {%- do log('', info=true) -%}
    {%- do log(
        'The warehouse is ' ~ target.get('path', target.name) ~ '; the marts are in its schema marts.', info=true
    ) -%}
{% endmacro %}


{% macro print_segment_events(segment_events) %}
    {#- Prints which segments are new, vanished or were renamed in the last build. -#}
    {%- set events = run_query(
        'select build, segment_key, event, previous_segment_name, segment_name from ' ~ segment_events
        ~ ' where build = (select max(build) from ' ~ ref('segmentation_builds') ~ ') order by segment_key'
    ) -%}
    {%- if events | length -%}
        {%- do log('', info=true) -%}
        {%- do log('Build ' ~ events.rows[0]['build'] ~ ' changed the segments:', info=true) -%}
    {%- endif -%}
    {%- for row in events -%}
        {%- set change = {
            'new': 'is new: ' ~ row['segment_name'],
            'vanished': 'vanished: ' ~ row['previous_segment_name'],
            'renamed': 'was renamed from ' ~ row['previous_segment_name'] ~ ' to ' ~ row['segment_name'],
        }[row['event']] -%}
        {%- do log(row['segment_key'] ~ ' ' ~ change, info=true) -%}
    {%- endfor -%}
{% endmacro %}


{% macro aligned_number(value, decimals) %}
    {%- do return('-' if value is none else '%.*f' | format(decimals, value | float)) -%}
{% endmacro %}
