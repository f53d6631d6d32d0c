using Gatehouse.Configuration;
using Gatehouse.Console.Routes;
using Gatehouse.Contracts;

namespace Gatehouse.Tests.Console;

public class RoutePlaceTests
{
    private static readonly TargetView Big = new("a", "big", 1, 0);
    private static readonly TargetView Small = new("a", "small", 1, 0);
    private static readonly TargetView Any = new("b", "*", 1, 1);

    private static readonly RouteView[] Routes =
        [new("assistant", false, [Big, Small, Any]), new("gpt-*", false, [Any]), new("gpt-5*", false, [Big])];

    [Fact]
    public void A_call_belongs_to_the_target_that_ended_it()
    {
        Assert.Equal(new RoutePlace("assistant", Small, true), RoutePlace.Of(Routes, "assistant", "a", "small"));
        Assert.Equal(new RoutePlace("assistant", Any, true), RoutePlace.Of(Routes, "assistant", "b", "whatever"));
        Assert.Equal(new RoutePlace("assistant", null, true), RoutePlace.Of(Routes, "assistant", "a", "gone"));
        Assert.Equal(new RoutePlace("assistant", null, false), RoutePlace.Of(Routes, "assistant", "", ""));
    }

    [Fact]
    public void A_name_belongs_to_the_route_with_the_longest_beginning()
    {
        Assert.Equal(new RoutePlace("gpt-5*", Big, true), RoutePlace.Of(Routes, "gpt-5-mini", "a", "big"));
        Assert.Equal(new RoutePlace("gpt-*", Any, true), RoutePlace.Of(Routes, "gpt-4o", "b", "gpt-4o"));
    }

    [Fact]
    public void A_call_without_a_name_belongs_to_no_route_that_was_or_is()
    {
        Assert.Equal(RoutePlace.Nameless, RoutePlace.Of(Routes, "", "", ""));
        Assert.Equal(RoutePlace.Nameless, RoutePlace.Of([new("*", false, [Any])], "", "", ""));
    }

    [Fact]
    public void All_other_names_are_two_places_however_many_they_are()
    {
        Assert.Equal(new RoutePlace(null, null, false), RoutePlace.Of(Routes, CallFilter.UnknownRoute, "", ""));
        Assert.Equal(
            new RoutePlace(null, null, true),
            Assert.Single(Enumerable.Range(0, 50).Select(i => RoutePlace.Of(Routes, $"former-{i}", "a", "big")).Distinct()));
    }
}
