using Gatehouse.Gateway.Routing;

namespace Gatehouse.Observability.Traces;

/// <summary>What and where the providers of one table are, looked up once each. For one caller at a time.</summary>
internal sealed class ProviderPlaces(GatewayTable table)
{
    private readonly Dictionary<string, ProviderPlace?> _known = new(StringComparer.Ordinal);

    public GatewayTable Table { get; } = table;

    public ProviderPlace? Of(string provider)
    {
        if (!_known.TryGetValue(provider, out var place))
        {
            _known.Add(provider, place = Find(provider));
        }

        return place;
    }

    private ProviderPlace? Find(string provider)
    {
        foreach (var route in Table.Routes.Routes)
        {
            foreach (var target in route.Targets)
            {
                if (target.Provider.Name == provider)
                {
                    var settings = target.Provider.Settings;
                    return new ProviderPlace(settings.Kind, settings.BaseUrl.Host, settings.BaseUrl.Port);
                }
            }
        }

        return null;
    }
}
