package android.widget;

import android.content.Context;
import android.util.AttributeSet;

public abstract class AbsSeekBar extends ProgressBar {
    public AbsSeekBar(Context context, AttributeSet attributes) { super(context, attributes); }
}
