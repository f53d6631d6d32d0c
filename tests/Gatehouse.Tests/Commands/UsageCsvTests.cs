using Gatehouse.Commands;
using Gatehouse.Observability;

namespace Gatehouse.Tests.Commands;

/// <summary>The shapes of usage files that the guide names, and their comparison with the ledger.</summary>
public sealed class UsageCsvTests
{
    private static readonly DateOnly Day = new(2026, 11, 2);

    [Fact]
    public void OpenAis_usage_is_read()
    {
        var rows = UsageCsv.Read("""
            start_time,end_time,start_time_iso,end_time_iso,num_model_requests,model,batch,input_tokens,output_tokens,input_cached_tokens
            1793577600,1793664000,2026-11-02T00:00:00+00:00,2026-11-03T00:00:00+00:00,3,gpt-5-2026-01-31,False,1000,200,400
            """);

        Assert.Equal([new UsageRow(Day, "gpt-5-2026-01-31", 1000, 200, null)], rows);
    }

    [Fact]
    public void OpenAis_costs_are_read_by_their_lines()
    {
        var rows = UsageCsv.Read("""
            start_time,end_time,amount_value,amount_currency,line_item,project_id
            1793577600,1793664000,0.0125,usd,"gpt-5-2026-01-31, input",p
            1793577600,1793664000,2e-3,usd,"gpt-5-2026-01-31, output",p
            """);

        Assert.Equal(0.0145m, rows.Sum(r => r.CostUsd));
        Assert.All(rows, r => Assert.Equal((Day, "gpt-5-2026-01-31", null), (r.Day, r.Model, r.InputTokens)));
    }

    [Fact]
    public void Anthropics_usage_adds_the_parts_of_its_input()
    {
        var rows = UsageCsv.Read("""
            usage_date_utc,model_version,api_key,usage_input_tokens_no_cache,usage_input_tokens_cache_write_5m,usage_input_tokens_cache_write_1h,usage_input_tokens_cache_read,usage_output_tokens
            2026-11-02,claude-sonnet-4-5-20250929,k,10,20,30,40,5
            """);

        Assert.Equal([new UsageRow(Day, "claude-sonnet-4-5-20250929", 100, 5, null)], rows);
    }

    [Fact]
    public void A_table_of_ones_own_is_read()
    {
        var rows = UsageCsv.Read("date,model,input_tokens,output_tokens,cost_usd\r\n2026-11-02,\"a \"\"b\"\"\",1,2,0.5\r\n\r\n");

        Assert.Equal([new UsageRow(Day, "a \"b\"", 1, 2, 0.5m)], rows);
    }

    [Theory]
    [InlineData("", "empty")]
    [InlineData("a,b\n1,2", "no column for the day")]
    [InlineData("date,b\n1,2", "no column for the model")]
    [InlineData("date,model\n1,2", "no column with tokens or cost")]
    [InlineData("date,model,cost_usd", "no line below")]
    [InlineData("date,model,cost_usd\nsoon,m,1", "line 2: 'soon' is not a day")]
    [InlineData("date,model,cost_usd\n2026-11-02,m,1\n2026-11-02,m,much", "line 3: 'much' is not an amount")]
    [InlineData("date,model,input_tokens\n2026-11-02,m,-1", "line 2: '-1' is not a number of tokens")]
    public void What_is_wrong_is_named(string text, string named)
    {
        var error = Assert.Throws<FormatException>(() => UsageCsv.Read(text));

        Assert.Contains(named, error.Message, StringComparison.Ordinal);
    }

    [Fact]
    public void Days_and_models_of_either_side_are_compared_dated_names_and_undated_ones_are_one()
    {
        var found = PricesCommands.Compare(
            [new UsageRow(Day, "gpt-5-2026-01-31", 1000, 200, 0.01m), new UsageRow(Day, "other", 1, 1, 0.5m)],
            [new DaySpending(Day, "openai", "gpt-5", 3, 900, 200, 0.009m, 0),
                new DaySpending(Day.AddDays(1), "openai", "gpt-5", 1, 1, 1, 0.1m, 0)]);

        Assert.Equal(
            [(Day, "gpt-5", -0.001m), (Day, "other", -0.5m), (Day.AddDays(1), "gpt-5", (decimal?)0.1m)],
            found.Items.Select(d => (d.Day, d.Model, d.DifferenceUsd)));
        Assert.Equal((0.51m, 0.109m), (found.ProviderUsd, found.LedgerUsd));
    }
}
