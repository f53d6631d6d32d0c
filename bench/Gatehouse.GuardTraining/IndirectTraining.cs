using Gatehouse.Guardrails.Injection;

namespace Gatehouse.GuardTraining;

/// <summary>The head for documents: scores windows of two sentences, the document is as bad as its worst window.</summary>
internal static class IndirectTraining
{
    private const int Folds = 5;

    public static int CrossValidate(string data, string[] options)
    {
        var settings = new Settings(options);
        var known = KnownWords.Build(data);
        var rows = LabelledText.ReadIndirect(data).Select(r => Sample.Of(r, known)).ToList();
        var requests = settings.Has("requests") ? Requests(data) : [];
        var scored = Scores(rows, requests, known, settings);
        Measures.Print("indirect", scored, verbose: true);
        if (settings.Has("misses"))
        {
            var t = Measures.Threshold(scored.Where(s => !s.Item2.Positive).Select(s => s.Item1), 0.01);
            foreach (var (score, row) in scored.Where(s => s.Item1 > t != s.Item2.Positive).OrderBy(s => s.Item2.Positive)
                .ThenBy(s => s.Item2.Source))
            {
                var shown = row.Payload is { Length: > 0 } p ? p : row.Text;
                Console.WriteLine(
                    $"{(row.Positive ? "MISS" : "FALSE")} {row.Source} {score:0.0} {row.TrainOk} {row.Group} {shown.Replace('\n', ' ')[..Math.Min(shown.Length, 260)]}");
            }
        }

        return 0;
    }

    /// <summary>Each document scored by a model that saw none of its group.</summary>
    public static List<(float Score, LabelledText Row)> Scores(
        List<Sample> rows, List<string> requests, Vocabulary known, Settings settings)
    {
        var scored = new List<(float, LabelledText)>();
        for (var fold = 0; fold < Folds; fold++)
        {
            var model = Train([.. rows.Where(s => s.Row.TrainOk && s.Row.Fold(Folds) != fold)], requests, known, settings);
            scored.AddRange(rows.Where(s => s.Row.Fold(Folds) == fold).Select(s => (Score(model, s), s.Row)));
        }

        return scored;
    }

    /// <summary>Short requests of people to a model: what they ask is what a planted instruction may ask.</summary>
    public static List<string> Requests(string data) =>
        [.. LabelledText.ReadDirect(data)
            .Where(r => r.TrainOk && !r.Positive && r.Text.Length is > 20 and < 160
                && r.Source is "fuzzyai_benign" or "self_instruct_user" or "self_instruct_seed" or "mt_bench" or "arena_hard_v0.1"
                    or "xstest_safe" or "gpteacher_roleplay")
            .Select(r => r.Text)];

    public static Classifier Train(List<Sample> rows, List<string> requests, Vocabulary known, Settings settings)
    {
        var random = new Random(7);
        var examples = new List<Example>();
        foreach (var s in rows)
        {
            AddWindows(s, examples, 1f);
        }

        var payloads = Generated.Payloads()
            .Concat(Generated.Direct().Where(r => r.Positive && r.Source == "own_multilingual" && settings.Has("multilingual")))
            .Select(r => r.Text).ToList();
        var sentences = Generated.Sentences().Select(r => r.Text).ToList();
        var documents = rows.Where(r => !r.Row.Positive && r.Row.Source != "asb").Select(r => r.Row.Text).ToList();
        var own = settings.Get("ownweight", 1f);
        var all = payloads.Select(p => (Text: p, Weight: own))
            .Concat(requests.Select(r => (Text: r, Weight: own * settings.Get("requestweight", 0.6f)))).ToList();
        foreach (var (text, weight) in all)
        {
            var document = documents[random.Next(documents.Count)];
            AddWindows(Sample.Of(Plant(document, text, random), known, 0), examples, weight);
        }

        for (var k = 0; k + 3 < sentences.Count; k += 2)
        {
            var text = string.Join(random.Next(3) == 0 ? "\n" : " ", sentences[k], sentences[k + 1], sentences[k + 2]);
            AddWindows(Sample.Of(new LabelledText(text, false, "own_document", true, "own", null), known, 0), examples, own);
        }

        // Documents without a marked payload: the window that the first model finds worst is the planted one.
        var model = Fit(examples, settings);
        foreach (var s in rows.Where(r => r.Row.Positive && Payload(r) is null))
        {
            var best = Windows(s).MaxBy(w => model.Score(s.Features, w.Start, w.End, []));
            examples.Add(new Example(s.Features, best.Start, best.End, [], true, 1f));
            foreach (var inner in s.Unmasked)
            {
                examples.Add(new Example(inner.Features, 0, inner.Features.Length, [], true, 0.5f));
            }
        }

        return Fit(examples, settings);
    }

    public static float Score(Classifier model, Sample s)
    {
        var best = float.NegativeInfinity;
        foreach (var (start, end) in Windows(s))
        {
            best = MathF.Max(best, model.Score(s.Features, start, end, []));
        }

        foreach (var inner in s.Unmasked)
        {
            best = MathF.Max(best, Score(model, inner));
        }

        return best;
    }

    public static IEnumerable<(int Start, int End)> Windows(Sample s)
    {
        var beforePrevious = 0;
        var previous = 0;
        for (var k = 0; k < s.Sentences.Length; k++)
        {
            yield return (previous, s.Sentences[k].Feature);
            if (k > 0)
            {
                yield return (beforePrevious, s.Sentences[k].Feature);
            }

            (beforePrevious, previous) = (previous, s.Sentences[k].Feature);
        }
    }

    private static Classifier Fit(List<Example> examples, Settings settings)
    {
        var model = new Classifier(InjectionHead.IndirectPower);
        model.Train(examples, (int)settings.Get("epochs", 25), settings.Get("rate", 0.5f), settings.Get("decay", 3e-4f), 1,
            (int)settings.Get("mincount", 2));
        return model;
    }

    private static LabelledText Plant(string document, string payload, Random random)
    {
        var cut = random.Next(4) switch
        {
            0 => 0,
            1 => document.Length,
            2 => document.IndexOf('\n', random.Next(document.Length)),
            _ => document.IndexOf(". ", random.Next(document.Length), StringComparison.Ordinal) + 1,
        };
        cut = cut < 0 ? document.Length : cut;
        var gap = random.Next(2) == 0 ? "\n" : " ";
        return new LabelledText(
            document[..cut] + (cut == 0 ? "" : gap) + payload + gap + document[cut..].TrimStart(' '), true, "own_planted", true, "own",
            payload);
    }

    private static string? Payload(Sample s) =>
        s.Row.Payload is { Length: > 0 } p && s.Text.Contains(p, StringComparison.Ordinal) ? p : null;

    /// <summary>
    /// Windows that hold the payload's first sentence are positive; those far from it are negative where only the payload was planted.
    /// </summary>
    private static void AddWindows(Sample s, List<Example> examples, float weight)
    {
        var payload = Payload(s);
        if (s.Row.Positive && payload is null)
        {
            return;
        }

        var (from, to) = payload is null ? (-1, -1) : (s.Text.IndexOf(payload, StringComparison.Ordinal), 0);
        to = payload is null ? -1 : from + payload.Length;
        var first = -1;
        var last = -1;
        for (var k = 0; k < s.Sentences.Length && payload is not null; k++)
        {
            var end = s.Sentences[k].Text;
            var start = k == 0 ? 0 : s.Sentences[k - 1].Text;
            if (first < 0 && end > from + 2)
            {
                first = k;
            }

            if (start < to)
            {
                last = k;
            }
        }

        // Window 2k-1 is sentence k, window 2k is sentences k-1 and k.
        var windows = Windows(s).ToList();
        for (var w = 0; w < windows.Count; w++)
        {
            var k = (w + 1) / 2;
            var pair = w % 2 == 0 && w > 0;
            var near = payload is not null && k >= first - 1 && k <= last + 2;
            var positive = payload is not null && (k == first || (pair && k == first + 1 && k <= last + 1));
            if (positive)
            {
                examples.Add(new Example(s.Features, windows[w].Start, windows[w].End, [], true, weight));
            }
            else if (!near && (!s.Row.Positive || s.Row.Source.StartsWith("bipia", StringComparison.Ordinal)))
            {
                examples.Add(new Example(s.Features, windows[w].Start, windows[w].End, [], false, weight));
            }
        }
    }
}
