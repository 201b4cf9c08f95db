"""The parts pages are made of."""

from __future__ import annotations

from django import forms
from django.core.paginator import Paginator
from django.template import Context, Template
from django.test import RequestFactory


class Sample(forms.Form):
    """One field of each sort."""

    name = forms.CharField(label="Name", help_text="What members see.")
    amount = forms.DecimalField(label="Amount", min_value=1)
    kind = forms.ChoiceField(label="Kind", choices=[("a", "A"), ("b", "B")], widget=forms.RadioSelect)
    note = forms.CharField(label="Note", required=False)


def render(source: str, **context) -> str:
    return Template("{% load ui fmt %}" + source).render(Context(context))


def test_a_field_names_its_help_and_its_error():
    html = render("{% field form.name %}", form=Sample({"name": ""}))

    assert '<label for="id_name">Name' in html
    assert 'aria-describedby="id_name_helptext id_name_error"' in html
    assert 'id="id_name_helptext"' in html
    assert 'id="id_name_error"' in html
    assert 'aria-invalid="true"' in html


def test_a_number_that_cannot_be_read_stays_in_its_field():
    html = render("{% field form.amount %}", form=Sample({"amount": "12元x"}))

    assert 'value="12元x"' in html
    assert 'type="text"' in html
    assert 'inputmode="decimal"' in html


def test_only_optional_fields_say_so():
    form = Sample()

    assert 'class="optional"' in render("{% field form.note %}", form=form)
    assert 'class="optional"' not in render("{% field form.name %}", form=form)


def test_the_error_summary_links_each_error_to_a_field_that_is_there():
    form = Sample({"name": "", "amount": "x"})

    html = render("{% error_summary form %}{% form_fields form %}", form=form)

    for target in ("id_name", "id_amount", "id_kind"):
        assert f'href="#{target}"' in html
        assert f'id="{target}"' in html


def test_a_form_that_was_not_sent_has_no_summary():
    assert render("{% error_summary form %}", form=Sample()).strip() == ""


def test_what_a_person_typed_is_escaped_in_every_part():
    bad = "<script>x</script>"

    html = render(
        "{% chip 'info' bad %}{% empty title=bad text=bad %}{% confirm id='c' title=bad url='/' label=bad %}"
        "{% drawer id='d' title=bad %}{{ bad }}{% enddrawer %}"
        "{% pick name='n' value=bad title=bad %}{{ bad }}{% endpick %}"
        "{% kpi label=bad value=bad note=bad %}{% linechart points caption=bad %}"
        "{% explain bad %}{{ bad }}{% endexplain %}",
        bad=bad,
        points=[(bad, 1), (bad, 2)],
    )

    assert "<script" not in html


def test_pages_keep_the_filters_of_the_address():
    request = RequestFactory().get("/", {"q": "138", "page": "2", "tier": "gold"})

    html = render("{% pager page %}", request=request, page=Paginator(range(240), 50).page(2))

    assert 'href="?q=138&amp;tier=gold&amp;page=3"' in html
    assert 'aria-current="page"' in html
    assert "page=2&amp;page=" not in html


def test_a_meter_never_leaves_its_box():
    html = render("{% level 1700 mark=1500 %}")

    assert 'width="100%"' in html
    assert 'x="99.4%"' in html
