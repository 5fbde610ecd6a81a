package android.graphics;

public class Typeface {
    private Typeface() {}
    public static final Typeface DEFAULT = null;
    public static final Typeface DEFAULT_BOLD = null;
}
