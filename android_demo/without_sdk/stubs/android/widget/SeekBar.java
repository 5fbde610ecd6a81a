package android.widget;

import android.content.Context;
import android.util.AttributeSet;

public class SeekBar extends AbsSeekBar {
    public interface OnSeekBarChangeListener {
        void onProgressChanged(SeekBar bar, int progress, boolean fromUser);

        void onStartTrackingTouch(SeekBar bar);

        void onStopTrackingTouch(SeekBar bar);
    }

    public SeekBar(Context context, AttributeSet attributes) { super(context, attributes); }

    public void setOnSeekBarChangeListener(OnSeekBarChangeListener listener) { throw new RuntimeException("Stub!"); }
}
