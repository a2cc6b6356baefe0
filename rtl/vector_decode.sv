// vector_decode: one form for the commands of the vector engine; vector_decode_training and _patches have some of them.
//   what a class lacks gets a neutral value: a 1x1 window, factor 1, no bias, full range; ADD and MAXIMUM go through the
//   requantizer with factor 1; the two operands of ADD and MULTIPLY are the two columns of a window
// Golden: accel_models.commands (layout) and the refusals of accel_models.golden.vector, training, patches. Latency 0.
// Combinational path: command_i -> settings_o. Register operands have been replaced by their values.
`default_nettype none
module vector_decode #(
  parameter int unsigned Columns = 4,
  parameter int unsigned MultW   = 31  // 31, or 16: then the low 16 bits of every multiplier must be zero
) (
  // Token masks and register flags are not for the engine.
  // verilator lint_off UNUSEDSIGNAL
  input  wire logic                 [511:0] command_i,
  // verilator lint_on UNUSEDSIGNAL
  output      vector_pkg::settings_t        settings_o
);
  localparam logic [30:0] One    = 31'd1 << 30;  // with shift 30: arithmetic.IDENTITY
  localparam logic [30:0] Forbid = (MultW == 16) ? 31'hFFFF : 31'd0;

  logic [7:0] opcode;
  logic [1:0] elementwise, pooling, scaling, rounding, residual, ranging;
  logic operates, lists, adds, average, uniform, trains, bad_add, bad_scale, bad_noise, bad_form;
  vector_pkg::settings_t neutral, training, patches;
  assign opcode      = command_i[7:0];
  assign operates    = opcode == accel_pkg::OpcodeElementwise;
  assign lists       = opcode == accel_pkg::OpcodeList;
  assign elementwise = command_i[accel_pkg::ElementwiseFunctionLsb +: 2];
  assign adds        = operates && elementwise == accel_pkg::FunctionAdd;
  assign pooling     = command_i[accel_pkg::PoolFunctionLsb +: 2];
  assign average     = pooling == accel_pkg::PoolingAverage;
  assign scaling     = command_i[accel_pkg::RequantizeScalingLsb +: 2];
  assign rounding    = command_i[accel_pkg::RequantizeRoundingLsb +: 2];
  assign residual    = command_i[accel_pkg::RequantizeResidualLsb +: 2];
  assign ranging     = command_i[accel_pkg::RequantizeRangeLsb +: 2];
  assign uniform     = scaling != accel_pkg::ScalingBlock;

  always_comb begin
    neutral               = '0;
    neutral.kind          = vector_pkg::KindSet;
    neutral.width         = 12'd1;
    neutral.kernel_height = 8'd1;
    neutral.kernel_width  = 8'd1;
    neutral.input_height  = '1;
    neutral.input_width   = '1;
    neutral.stride_y      = 8'd1;
    neutral.stride_x      = 8'd1;
    neutral.mult          = One;
    neutral.shift         = 6'd30;
    neutral.low           = 16'hFF80;
    neutral.high          = 16'h007F;
    neutral.bound         = '1;
    neutral.random_bits   = 5'd8;
  end

  vector_decode_training #(
    .Columns(Columns)
  ) u_training (
    .command_i (command_i),
    .neutral_i (neutral),
    .settings_o(training)
  );
  vector_decode_patches #(
    .Columns(Columns)
  ) u_patches (
    .command_i (command_i),
    .neutral_i (neutral),
    .settings_o(patches)
  );

  always_comb begin
    settings_o = neutral;
    bad_form   = 1'b0;
    unique case (opcode)
      accel_pkg::OpcodeRequantize: begin
        settings_o.kind                = vector_pkg::KindRequantize;
        settings_o.sums                = 1'b1;
        settings_o.words               = (scaling == accel_pkg::ScalingUniform) ? 4'd0 :
                                         4'((scaling == accel_pkg::ScalingBias) ? accel_pkg::BiasBytes :
                                            accel_pkg::ParameterBytes);
        settings_o.reads               = residual != accel_pkg::ResidualNone;
        settings_o.add                 = residual == accel_pkg::ResidualAdd;
        settings_o.mask                = residual == accel_pkg::ResidualMask;
        settings_o.table_used          = command_i[accel_pkg::RequantizeTableLsb];
        settings_o.height              = command_i[accel_pkg::RequantizeHeightLsb +: 12];
        settings_o.width               = command_i[accel_pkg::RequantizeWidthLsb +: 12];
        settings_o.columns             = command_i[accel_pkg::RequantizeColumnsLsb +: 16];
        settings_o.input_address       = command_i[accel_pkg::RequantizeResidualAddressLsb +: 20];
        settings_o.input_row_stride    = command_i[accel_pkg::RequantizeResidualRowStrideLsb +: 20];
        settings_o.input_pixel_stride  = command_i[accel_pkg::RequantizeResidualPixelStrideLsb +: 16];
        settings_o.output_address      = command_i[accel_pkg::RequantizeOutputAddressLsb +: 20];
        settings_o.output_row_stride   = command_i[accel_pkg::RequantizeOutputRowStrideLsb +: 20];
        settings_o.output_pixel_stride = command_i[accel_pkg::RequantizeOutputPixelStrideLsb +: 16];
        settings_o.accumulator         = command_i[accel_pkg::RequantizeAccumulatorLsb +: 12];
        settings_o.parameters          = command_i[accel_pkg::RequantizeParametersLsb +: 20];
        settings_o.table_address       = command_i[accel_pkg::RequantizeTableAddressLsb +: 20];
        settings_o.rounding            = rounding;
        settings_o.training            = uniform;
        settings_o.bound               = command_i[accel_pkg::RequantizeBoundLsb +: 31];
        settings_o.to_register         = ranging != accel_pkg::RangingNone;
        settings_o.positive            = ranging == accel_pkg::RangingPositive;
        settings_o.destination         = command_i[accel_pkg::RequantizeDestinationLsb +: 5];
        settings_o.value               = 32'(command_i[accel_pkg::RequantizeRangeStartLsb +: 31]);
        settings_o.index_base          = command_i[accel_pkg::RequantizeKeyLsb +: 32] +
                                         32'(command_i[accel_pkg::RequantizeMultiplierBLsb +: 31]);
        settings_o.index_row_stride    = command_i[accel_pkg::RequantizeIndexRowStrideLsb +: 20];
        settings_o.index_pixel_stride  = command_i[accel_pkg::RequantizeIndexPixelStrideLsb +: 16];
        settings_o.random_bits         = command_i[accel_pkg::RequantizeRandomBitsLsb +: 5];
        if (uniform) begin
          settings_o.mult              = command_i[accel_pkg::RequantizeMultiplierLsb +: 31];
          settings_o.shift             = command_i[accel_pkg::RequantizeShiftLsb +: 6];
        end
        settings_o.zero_point          = command_i[accel_pkg::RequantizeZeroPointLsb +: 8];
        settings_o.low                 = 16'($signed(command_i[accel_pkg::RequantizeLowLsb +: 8]));
        settings_o.high                = 16'($signed(command_i[accel_pkg::RequantizeHighLsb +: 8]));
        settings_o.zero_a              = command_i[accel_pkg::RequantizeZeroPointLsb +: 8];
        settings_o.zero_b              = command_i[accel_pkg::RequantizeZeroBLsb +: 8];
        settings_o.mult_a              = command_i[accel_pkg::RequantizeMultiplierLsb +: 31];
        settings_o.mult_b              = command_i[accel_pkg::RequantizeMultiplierBLsb +: 31];
        settings_o.add_shift           = command_i[accel_pkg::RequantizeAddShiftLsb +: 6];
        settings_o.add_zero            = command_i[accel_pkg::RequantizeAddZeroLsb +: 8];
        settings_o.add_low             = command_i[accel_pkg::RequantizeAddLowLsb +: 8];
        settings_o.add_high            = command_i[accel_pkg::RequantizeAddHighLsb +: 8];
        bad_form = uniform ? scaling == 2'd3 || rounding == accel_pkg::RoundingDouble || residual[0] || ranging == 2'd3 :
                             rounding[1] || residual[1] || ranging != '0;
      end
      accel_pkg::OpcodeElementwise: begin
        unique case (elementwise)
          accel_pkg::FunctionAdd:      settings_o.kind = vector_pkg::KindAdd;
          accel_pkg::FunctionMultiply: settings_o.kind = vector_pkg::KindMultiply;
          accel_pkg::FunctionRescale:  settings_o.kind = vector_pkg::KindRescale;
          default:                     settings_o.kind = vector_pkg::KindSelect;
        endcase
        settings_o.reads               = 1'b1;
        settings_o.add                 = adds;
        settings_o.second              = elementwise != accel_pkg::FunctionRescale;
        settings_o.kernel_width        = settings_o.second ? 8'd2 : 8'd1;
        settings_o.table_used          = command_i[accel_pkg::ElementwiseTableLsb];
        settings_o.height              = command_i[accel_pkg::ElementwiseHeightLsb +: 12];
        settings_o.width               = command_i[accel_pkg::ElementwiseWidthLsb +: 12];
        settings_o.columns             = command_i[accel_pkg::ElementwiseColumnsLsb +: 16];
        settings_o.input_address       = command_i[accel_pkg::ElementwiseAAddressLsb +: 20];
        settings_o.input_row_stride    = command_i[accel_pkg::ElementwiseARowStrideLsb +: 20];
        settings_o.input_pixel_stride  = command_i[accel_pkg::ElementwiseAPixelStrideLsb +: 16];
        settings_o.b_address           = command_i[accel_pkg::ElementwiseBAddressLsb +: 20];
        settings_o.b_row_stride        = command_i[accel_pkg::ElementwiseBRowStrideLsb +: 20];
        settings_o.b_pixel_stride      = command_i[accel_pkg::ElementwiseBPixelStrideLsb +: 16];
        settings_o.output_address      = command_i[accel_pkg::ElementwiseOutputAddressLsb +: 20];
        settings_o.output_row_stride   = command_i[accel_pkg::ElementwiseOutputRowStrideLsb +: 20];
        settings_o.output_pixel_stride = command_i[accel_pkg::ElementwiseOutputPixelStrideLsb +: 16];
        settings_o.table_address       = command_i[accel_pkg::ElementwiseTableAddressLsb +: 20];
        settings_o.zero_a              = command_i[accel_pkg::ElementwiseZeroALsb +: 8];
        settings_o.zero_b              = command_i[accel_pkg::ElementwiseZeroBLsb +: 8];
        if (adds) begin
          settings_o.mult_a            = command_i[accel_pkg::ElementwiseMultiplierALsb +: 31];
          settings_o.mult_b            = command_i[accel_pkg::ElementwiseMultiplierBLsb +: 31];
          settings_o.add_shift         = command_i[accel_pkg::ElementwiseShiftLsb +: 6];
          settings_o.add_zero          = command_i[accel_pkg::ElementwiseZeroPointLsb +: 8];
          settings_o.add_low           = command_i[accel_pkg::ElementwiseLowLsb +: 8];
          settings_o.add_high          = command_i[accel_pkg::ElementwiseHighLsb +: 8];
        end else if (elementwise == accel_pkg::FunctionSelect) begin
          settings_o.zero_b            = command_i[accel_pkg::ElementwiseCodeLsb +: 8];
          settings_o.low               = 16'($signed(command_i[accel_pkg::ElementwiseLowLsb +: 8]));
          settings_o.high              = 16'($signed(command_i[accel_pkg::ElementwiseHighLsb +: 8]));
        end else begin
          settings_o.mult              = command_i[accel_pkg::ElementwiseMultiplierALsb +: 31];
          settings_o.shift             = command_i[accel_pkg::ElementwiseShiftLsb +: 6];
          settings_o.zero_point        = command_i[accel_pkg::ElementwiseZeroPointLsb +: 8];
          settings_o.low               = 16'($signed(command_i[accel_pkg::ElementwiseLowLsb +: 8]));
          settings_o.high              = 16'($signed(command_i[accel_pkg::ElementwiseHighLsb +: 8]));
          settings_o.rounding          = command_i[accel_pkg::ElementwiseRoundingLsb +: 2];
        end
        bad_form = command_i[accel_pkg::ElementwiseRoundingLsb +: 2] == 2'd3 ||
                   command_i[accel_pkg::ElementwiseShiftLsb +: 6] == 6'd0 ||
                   command_i[accel_pkg::ElementwiseShiftLsb +: 6] == 6'd63;
      end
      accel_pkg::OpcodePool: begin
        settings_o.kind                = average ? vector_pkg::KindAverage :
                                         (pooling == accel_pkg::PoolingMaximum) ? vector_pkg::KindMaximum :
                                         vector_pkg::KindPlace;
        settings_o.reads               = 1'b1;
        settings_o.table_used          = command_i[accel_pkg::PoolTableLsb];
        settings_o.height              = command_i[accel_pkg::PoolHeightLsb +: 12];
        settings_o.width               = command_i[accel_pkg::PoolWidthLsb +: 12];
        settings_o.columns             = command_i[accel_pkg::PoolColumnsLsb +: 16];
        settings_o.kernel_height       = command_i[accel_pkg::PoolKernelHeightLsb +: 8];
        settings_o.kernel_width        = command_i[accel_pkg::PoolKernelWidthLsb +: 8];
        settings_o.input_address       = command_i[accel_pkg::PoolInputAddressLsb +: 20];
        settings_o.input_row_stride    = command_i[accel_pkg::PoolInputRowStrideLsb +: 20];
        settings_o.input_pixel_stride  = command_i[accel_pkg::PoolInputPixelStrideLsb +: 16];
        settings_o.input_height        = command_i[accel_pkg::PoolInputHeightLsb +: 16];
        settings_o.input_width         = command_i[accel_pkg::PoolInputWidthLsb +: 16];
        settings_o.origin_y            = command_i[accel_pkg::PoolOriginYLsb +: 16];
        settings_o.origin_x            = command_i[accel_pkg::PoolOriginXLsb +: 16];
        settings_o.stride_y            = command_i[accel_pkg::PoolStrideYLsb +: 8];
        settings_o.stride_x            = command_i[accel_pkg::PoolStrideXLsb +: 8];
        settings_o.output_address      = command_i[accel_pkg::PoolOutputAddressLsb +: 20];
        settings_o.output_row_stride   = command_i[accel_pkg::PoolOutputRowStrideLsb +: 20];
        settings_o.output_pixel_stride = command_i[accel_pkg::PoolOutputPixelStrideLsb +: 16];
        settings_o.table_address       = command_i[accel_pkg::PoolTableAddressLsb +: 20];
        settings_o.low                 = 16'($signed(command_i[accel_pkg::PoolLowLsb +: 8]));
        settings_o.high                = 16'($signed(command_i[accel_pkg::PoolHighLsb +: 8]));
        if (average) begin
          settings_o.bias              = command_i[accel_pkg::PoolBiasLsb +: 32];
          settings_o.mult              = command_i[accel_pkg::PoolMultiplierLsb +: 31];
          settings_o.shift             = command_i[accel_pkg::PoolShiftLsb +: 6];
          settings_o.zero_point        = command_i[accel_pkg::PoolZeroPointLsb +: 8];
          settings_o.rounding          = command_i[accel_pkg::PoolRoundingLsb +: 2];
        end
        bad_form = pooling == 2'd3 || settings_o.rounding == 2'd3;
      end
      accel_pkg::OpcodeRange: begin
        settings_o.kind                = vector_pkg::KindRange;
        settings_o.sums                = 1'b1;
        settings_o.unwritten           = 1'b1;
        settings_o.to_register         = 1'b1;
        settings_o.height              = command_i[accel_pkg::RangeEntriesLsb +: 12];
        settings_o.columns             = command_i[accel_pkg::RangeColumnsLsb +: 16];
        settings_o.accumulator         = command_i[accel_pkg::RangeAccumulatorLsb +: 12];
        settings_o.destination         = command_i[accel_pkg::RangeDestinationLsb +: 5];
      end
      accel_pkg::OpcodeSetRegister: begin
        settings_o.to_register         = 1'b1;
        settings_o.destination         = command_i[accel_pkg::SetRegisterDestinationLsb +: 5];
        settings_o.value               = command_i[accel_pkg::SetRegisterValueLsb +: 32];
      end
      default: settings_o = (lists || opcode == accel_pkg::OpcodeCompare) ? patches : training;
    endcase

    // Without windows nothing happens; a window without taps is refused by the checker and must not hang the engine.
    settings_o.empty = settings_o.height == '0 || settings_o.width == '0 || settings_o.columns == '0 ||
                       settings_o.kernel_height == '0 || settings_o.kernel_width == '0;
    bad_add   = settings_o.add_shift == 6'd0 || settings_o.add_shift == 6'd63 ||
                (settings_o.mult_a & Forbid) != '0 || (settings_o.mult_b & Forbid) != '0;
    trains    = settings_o.training || settings_o.subtract;
    bad_scale = (settings_o.shift == 6'd0 && !trains) || settings_o.shift == 6'd63 || (settings_o.mult & Forbid) != '0;
    bad_noise = trains && settings_o.rounding == accel_pkg::RoundingIndexed &&
                (settings_o.random_bits == 5'd0 || settings_o.random_bits > 5'd16);
    settings_o.illegal = settings_o.illegal || bad_form || (settings_o.add && bad_add) || bad_scale || bad_noise;
    if (settings_o.empty) begin
      if (!operates && !lists) settings_o.illegal = 1'b0;  // golden looks at the sizes first, but for these
      if (settings_o.subtract) settings_o.to_register = 1'b0;
    end
  end
endmodule
`default_nettype wire
