{# Macros with names that the package has, too. It must not use these. #}

{% macro setting(name) %}
    {{ exceptions.raise_compiler_error('The package used a macro of the host: setting') }}
{% endmacro %}


{% macro divide(numerator, denominator) %}
    {{ exceptions.raise_compiler_error('The package used a macro of the host: divide') }}
{% endmacro %}


{% macro default__quantiles(column, shares) %}
    {{ exceptions.raise_compiler_error('The package used a macro of the host: default__quantiles') }}
{% endmacro %}
