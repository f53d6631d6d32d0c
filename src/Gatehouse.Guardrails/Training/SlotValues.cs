using Gatehouse.Guardrails.Pii;

namespace Gatehouse.Guardrails.Training;

/// <summary>
/// Makes values for the slots of templates out of lists of words: names, streets, addresses, organisations, and things that other scanners
/// find.
/// </summary>
internal sealed class SlotValues
{
    private static readonly string[] CompanyEnds = [
        "Inc", "Inc.", "LLC", "Ltd", "Ltd.", "GmbH", "Corp.", "Group", "& Co", "and Sons", "Corporation", "AG", "Partners", "Company",
        "Holdings", "SA", "S.p.A.", "Bank", "PLC"];
    private static readonly string[] CompanyWords =
    [
        "Golden", "Health", "Data", "Insights", "Analytics", "Civic", "Open", "Solar", "Energy", "Capital", "Global", "First", "National",
        "Union", "Pacific", "Atlantic", "Blue", "Green", "Red", "Smart", "Cloud",
        "Systems", "Labs", "Media", "Networks", "Research", "Foods", "Motors", "Airlines", "Insurance", "Trust", "Financial", "Digital",
        "Studio", "Works", "Logic", "Point", "Street", "River", "Mountain", "Stone",
        "Helix", "Bridge", "Spark", "Nova", "Vertex", "Apex", "Summit", "Urban", "Metro", "Rapid", "Bright", "Clear", "Pure", "True",
        "North", "South", "East", "West", "Star", "Sun", "Moon", "Iron", "Silver",
        "Housing", "Education", "Better", "Technology", "Government", "Public", "Social", "Legal", "Medical", "Market", "Trade", "Farm",
        "Ocean", "Sky", "Tech", "Soft", "Net", "Info", "Graph", "Map", "Geo", "Bio",
    ];

    private static readonly string[] Syllables =
        ["ver", "da", "zon", "ex", "cal", "fero", "plan", "eco", "tra", "vi", "lum", "cor", "sys", "net", "ly", "ify", "io", "ora", "ent",
            "mo", "bil", "quan", "ti", "pay", "hub", "zen", "aro", "max", "med", "fin", "tek", "gen", "gro", "pax", "kro", "lex", "sol"];

    private static readonly string[] Institutions =
        ["University of {0}", "{0} University", "Bank of {0}", "Department of {1}", "Ministry of {1}", "{0} City Council",
            "The {1} Foundation", "Institute of {1}", "{0} General Hospital", "The {0} Times", "College of {1}", "{0} Orchestra",
            "{0} United"];
    private static readonly string[] Known =
    [
        "Microsoft", "Google", "IBM", "Apple", "Amazon", "Toyota", "Siemens", "Nestlé", "Sony", "Samsung", "BBC", "CNN", "NASA", "FBI",
        "UN", "NATO", "KPMG", "Deloitte", "Intel", "Oracle", "SAP", "Ford", "Chrysler",
        "General Motors", "General Electric", "Goldman Sachs", "McKinsey", "Walmart", "Nike", "Adidas", "Facebook", "Twitter", "Netflix",
        "Spotify", "Uber", "Airbus", "Boeing", "Shell", "Volkswagen", "Red Cross", "World Bank",
    ];

    private static readonly string[] Jobs =
    [
        "Accountant", "Nurse", "Civil engineer", "Teacher, primary school", "Software engineer", "Product manager", "Journalist, newspaper",
        "Research scientist", "Chief Executive Officer", "CEO", "CTO", "Vice President", "President",
        "Solicitor", "Barrister", "Pharmacist", "Electrician", "Police officer", "Air traffic controller", "Museum curator",
        "Systems analyst", "Graphic designer", "Sales representative", "Social worker", "Youth worker",
        "Dental hygienist", "Occupational therapist", "Quantity surveyor", "Town planner", "Web developer", "Translator",
        "Private secretary", "Marketing executive", "Human resources officer", "Data scientist", "Soldier", "Pilot",
        "Fitness trainer", "Library technician", "Laboratory technician", "Paralegal", "Plumber", "Bus driver", "Truck driver",
        "Childcare worker", "Travel agent", "Insurance underwriter", "Tax inspector", "Television producer",
    ];

    private static readonly string[] JobFields =
        ["network", "computer systems", "staff development", "training", "office machine", "cutting", "pressing", "polishing machine",
            "grinding", "packaging", "data entry", "payroll", "claims", "medical records", "court", "library", "museum", "mail", "freight",
            "stock", "order", "reservation", "credit", "loan", "real estate", "insurance", "tax", "budget", "public relations",
            "human resources", "food service", "food processing", "textile", "metal", "plastic", "glass", "wood", "paper goods machine",
            "printing", "elevator", "boiler", "water treatment", "power plant", "railway", "aircraft", "ship", "truck", "bus",
            "highway maintenance", "landscape", "forest", "farm", "fish", "animal", "veterinary", "dental", "nursing", "respiratory therapy",
            "occupational health", "physical therapy", "child care", "early childhood", "special education", "adult literacy", "sports",
            "dance", "film", "sound", "camera", "set", "fashion", "floral", "industrial", "mechanical", "electrical", "chemical", "nuclear",
            "civil", "marine", "mining", "petroleum", "materials", "environmental", "quality control", "safety", "fire", "parking",
            "correctional", "private", "customer service", "sales", "marketing", "market research", "statistical", "survey", "desktop"];

    private static readonly string[] JobRoles =
        ["clerk", "specialist", "coordinator", "administrator", "operator", "tender", "setter", "technician", "assistant", "supervisor",
            "attendant", "mechanic", "repairer", "inspector", "worker", "installer", "analyst", "engineer", "manager", "director", "teacher",
            "instructor", "trainer", "counselor", "therapist", "aide", "helper", "cleaner", "driver", "planner", "buyer", "agent", "broker",
            "adjuster", "examiner", "officer", "investigator", "guard", "designer", "editor", "producer", "tester", "assembler", "finisher"];

    private static readonly string[] States =
        ["CA", "NY", "TX", "FL", "WA", "OH", "IL", "QLD", "NSW", "VIC", "ON", "BC", "RS", "SP", "DU", "NC", "GA", "MI", "PA", "AZ"];
    private static readonly string[] StreetFronts = [
        "Rua", "Rue", "Via", "Calle", "Avenida", "ul.", "R", "Viale", "Piazza", "Chemin", "Avenue", "Boulevard", "Rue de", "Rua do",
        "Rua da", "Piazza", "Corso", "Travessa", "Cours", "C/", "Avenue de", "Quai"];
    private static readonly string[] StreetTails =
        ["strasse", "straße", "weg", "gasse", "laan", "straat", "vägen", "gatan", "vegen", "veien", "gade", "vej", "katu", "tie", "allee",
            "platz", "gracht", "singel", "stien", "gränd", "bakken", "sunndveien", " utca", " út", " u.", " tér", " Strasse", " Str.",
            "str.", " ulica", " cesta", " ulice", "iaq", "gata", "braut", "vogur"];
    private static readonly string[] Titles = ["Mr.", "Mrs.", "Ms.", "Dr.", "Mr", "Mrs", "Miss", "Prof."];

    private readonly string[] _first;
    private readonly string[] _last;
    private readonly string[] _city;
    private readonly string[] _country;
    private readonly string[] _street;
    private readonly string[] _suffix;
    private readonly string[] _job;
    private readonly string[] _common;
    private readonly Random _random;

    /// <param name="lists">Lists by section name: first, last, city, country, street, suffix, job.</param>
    /// <param name="random">Seeded, so that training repeats.</param>
    public SlotValues(IReadOnlyDictionary<string, List<string>> lists, Random random)
    {
        _random = random;
        (_first, _last, _city, _country) = ([.. lists["first"]], [.. lists["last"]], [.. lists["city"]], [.. lists["country"]]);
        _common = [.. lists["common"]];
        (_street, _suffix, _job) = ([.. lists["street"]], [.. lists["suffix"]], [.. lists["job"]]);
    }

    /// <returns>The value, and the type that the tagger should give it: null when another scanner finds it, <c>O</c> when it is no
    /// name.</returns>
    public (string Value, string? Type) Make(string slot) => slot switch
    {
        "person" or "name" or "name_male" or "name_female" or "PERSON" =>
            (slot == "PERSON" && Chance(.35) ? Any(Chance(.6) ? _first : _last) : Person(), PiiTypes.Person),
        "first" or "first_name" or "first_name_male" or "first_name_female" => (Any(_first), PiiTypes.Person),
        "last" or "last_name" or "last_name_male" or "last_name_female" => (Any(_last), PiiTypes.Person),
        "city" => (City(), PiiTypes.Location),
        "GPE" => (Chance(.5) ? City() : Any(_country), PiiTypes.Location),
        "country" => (Any(_country), PiiTypes.Location),
        "address" => (Address(), PiiTypes.Address),
        "STREET_ADDRESS" => (Chance(.5) ? Address() : Chance(.3) ? Unit() : Chance(.3) ? Number(9999) : Street(), PiiTypes.Address),
        "street" => (Chance(.6) ? $"{Number(9999)} {Street()}" : $"{Street()} {Number(200)}", PiiTypes.Address),
        "street_name" => (Street(), PiiTypes.Address),
        "number" or "building_number" => (Number(999), PiiTypes.Address),
        "unit" or "secondary_address" => (Unit(), PiiTypes.Address),
        "zip" or "zipcode" or "postcode" or "ZIP_CODE" => (Zip(), PiiTypes.Address),
        "state" or "state_abbr" => (Any(States), PiiTypes.Address),
        "org" or "organization" or "company" or "ORGANIZATION" => (Organization(), PiiTypes.Organization),
        "job" or "TITLE" => (Job(), PiiTypes.Title),
        "ljob" => (Job().ToLowerInvariant(), PiiTypes.Title),
        "title" or "prefix_male" or "prefix_female" => (Any(Titles), null),
        "nationality" or "NRP" =>
            (Any(["French", "German", "Dutch", "Spanish", "American", "Russian", "Polish", "Brazilian", "Czech", "Greenlander", "Italian",
                "Swedes"]), "O"),
        "phone" or "phone_number" or "PHONE_NUMBER" =>
            ($"{_random.Next(200, 990)}-{_random.Next(200, 990)}-{_random.Next(1000, 9999)}", null),
        "email" or "EMAIL_ADDRESS" => ($"{Ascii(Any(_first))}@example.com", null),
        "url" or "DOMAIN_NAME" => ($"https://www.{Ascii(Any(_last))}.com/", null),
        "date" or "date_of_birth" => ($"{_random.Next(1, 13)}/{_random.Next(1, 29)}/{_random.Next(1930, 2020)}", null),
        "DATE_TIME" => (Chance(.5) ? Any(["Monday", "Tuesday", "Friday", "Sunday"]) : $"{_random.Next(1930, 2024)}", null),
        "weekday" => (Any(["Monday", "Tuesday", "Friday", "Sunday"]), null),
        "year" => ($"{_random.Next(1930, 2024)}", null),
        "digits" => (string.Join(
            Any([" ", "-", " "]), Enumerable.Range(0, _random.Next(1, 5)).Select(_ => _random.Next(10, Any([99, 999, 9999, 99999])))), "O"),
        "noise" => (string.Join(' ', Enumerable.Range(0, _random.Next(1, 4)).Select(_ => Capital(Any(_common)))), "O"),
        "AGE" => ($"{_random.Next(18, 90)}", null),
        _ => ("4111111111111111", null),
    };

    private static string Capital(string word) => char.ToUpperInvariant(word[0]) + word[1..];

    private string Person()
    {
        var first = Chance(.08) ? $"{(char)('A' + _random.Next(26))}." : Any(_first);
        var middle = Chance(.18) ? $" {(char)('A' + _random.Next(26))}." : Chance(.06) ? " " + Any(_first) : "";
        var last = Any(_last) + (Chance(.06) ? $"{(Chance(.5) ? "-" : " ")}{Any(_last)}" : "");
        return Chance(.03)
            ? $"{first}{middle} {Any(["de", "van", "von", "da", "van der", "de la", "dos", "al"])} {last}"
            : $"{first}{middle} {last}";
    }

    private string City()
    {
        var city = Chance(.2)
            ? Any(_last)
                + Any(["ville", "ton", "burg", "dorf", "heim", "by", "ham", "stad", "berg", "ów", "ice", "hausen", "field", "ford",
                    "minster", "wick", "fjord", "sund", "vik", "eyri", "nes"])
            : Any(_city);
        city = Chance(.04)
            ? $"{Any(["San", "Santa", "Saint", "St.", "Port", "Bad", "Villa", "New", "North", "Castel", "El", "La", "Los", "Le", "Monte"])} {city}"
            : city;
        return Chance(.1) ? city.ToUpperInvariant() : city;
    }

    private string Street()
    {
        var name = Chance(.5) ? Any(_last) : Any(_first);
        return _random.Next(12) switch
        {
            < 4 => $"{name} {Any(_suffix)}",
            < 6 => $"{Any(StreetFronts)} {name}{(Chance(.3) ? " " + Any(_last) : "")}",
            < 9 => name + Any(StreetTails),
            9 => $"{Any(["High", "Main", "Church", "Station", "Mill", "Park", "Old", "North", "King", "Queen", "Victoria"])} {Any(["Street", "Road", "Lane", "St", "Rd"])}",
            _ => Any(_street),
        };
    }

    private string Unit() => _random.Next(7) switch
    {
        < 2 => $"Apt. {_random.Next(1, 1000)}",
        < 4 => $"Suite {_random.Next(1, 1000)}",
        4 => $"Unit {_random.Next(1, 100)}",
        5 => $"P.O. Box {_random.Next(10, 9999)}",
        _ => $"{Any(["Flat", "Floor", "Room", "Apartment", "#"])} {_random.Next(1, 100)}",
    };

    private string Zip() => _random.Next(8) switch
    {
        0 => $"{_random.Next(100, 999)} {_random.Next(10, 99)}",
        1 => $"{_random.Next(1000, 9999)} {(char)('A' + _random.Next(26))}{(char)('A' + _random.Next(26))}",
        2 => $"{_random.Next(1000, 9999)}",
        _ => $"{_random.Next(10000, 99999)}",
    };

    private string Address()
    {
        switch (_random.Next(14))
        {
            case 0:
                return $"PSC {_random.Next(1000, 9999)}, Box {_random.Next(1000, 9999)}\nAPO {Any(["AA", "AE", "AP"])} {Zip()}";
            case 1:
                return $"{Any(["Unit", "USS", "USNV", "USCGC"])} {(Chance(.6) ? Number(9999) : Any(_last))} {Any(["Box " + Number(9999), ""])}\n{Any(["APO", "DPO", "FPO"])} {Any(["AA", "AE", "AP"])} {Zip()}".Replace(" \n", "\n", StringComparison.Ordinal);
            case 2:
                return $"{Number(9999)} {Street()}";
            case 4:
                return Chance(.5) ? $"the corner of {Street()} {Number(200)} and {Street()}" : $"{Street()} and {Street()} {Number(200)}";
            case 3:
                return $"{Street()} {Number(300)}, {Zip()} {City()}";
        }

        var street = Chance(.55) ? $"{Number(99)} {Street()} {(Chance(.6) ? Number(300) : "")}".TrimEnd() : $"{Number(9999)} {Street()}";
        var unit = Chance(.6) ? " " + Unit() : "";
        var join = Any([", ", "\n", " ", "\n"]);
        var region = Chance(.25)
            ? $"\n, {(Chance(.5) ? "nan" : Any(States))}\n "
            : Chance(.4) ? $", {Any(States)} " : Chance(.5) ? ", " : " ";
        var country = Chance(.55) ? Any(_country) + " " : "";
        return $"{street}{unit}{join}{City()}{region}{country}{Zip()}";
    }

    private string Organization()
    {
        var name = _random.Next(12) switch
        {
            0 => $"{Any(_last)}-{Any(_last)}",
            1 => $"{Any(_last)}, {Any(_last)} and {Any(_last)}",
            2 or 3 => $"{Any(_last)} {Any(CompanyEnds)}",
            4 or 5 => Coined(),
            6 => $"{Any(CompanyWords)} {Any(CompanyWords)}",
            7 => $"{Any(CompanyWords)}{Any(CompanyWords).ToLowerInvariant()}",
            8 => Any(Known),
            9 => string.Format(
                null, Any(Institutions), Any(_city),
                Any(["Health", "Education", "Justice", "Technology", "Science", "Energy", "Labor", "Transport", "the Arts", "Finance"])),
            10 => $"{Any(CompanyWords)} {Any(CompanyWords)} {Any(CompanyEnds)}",
            _ => $"{Coined()} {Any([.. CompanyEnds, .. CompanyWords])}",
        };
        return Chance(.06) ? "The " + name : name;
    }

    private string Coined()
    {
        var word = string.Concat(Enumerable.Range(0, _random.Next(2, 4)).Select(_ => Any(Syllables)));
        return Capital(word);
    }

    private string Job()
    {
        var job = Chance(.15) ? Composed() : Chance(.5) ? Any(Jobs) : Any(_job);
        return Chance(.3) ? job[..1] + job[1..].ToLowerInvariant() : job;
    }

    private string Composed()
    {
        var field = Chance(.2)
            ? $"{Any(JobFields)} and {Any(JobFields)}"
            : Chance(.08) ? $"{Any(JobFields)}, {Any(JobFields)}, and {Any(JobFields)}" : Any(JobFields);
        return Capital($"{field} {Any(JobRoles)}");
    }

    private string Number(int most) => Chance(.12) ? $"0{_random.Next(1, 100)}" : $"{_random.Next(1, most)}";

    private static string Ascii(string name) => new([.. name.Where(char.IsAsciiLetter).DefaultIfEmpty('x')]);

    private bool Chance(double probability) => _random.NextDouble() < probability;

    private T Any<T>(T[] of) => of[_random.Next(of.Length)];
}
